"""A probe from inside the mesh: whom it may call, the Job that calls, what it found, and what that proves."""
