"""Everything that is printed is printed here: progress and errors to stderr, results to stdout.

output    decides how: text or JSON, colour or not, live or lines
live      a terminal's view of a running playbook
lines     the same where there is no terminal
result    one cluster after the other, as text
signals   what a gate saw, before and after
changes   objects, field by field
problems  errors: what failed, why, what to do
"""
