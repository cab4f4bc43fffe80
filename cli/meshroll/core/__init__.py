"""Every decision of meshroll, pure and typed: no I/O, no clock, no click, no ansible."""
