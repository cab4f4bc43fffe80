"""Runs a command's playbook as a child process and brings back its result.

invocation  what is to run: arguments and environment of ansible-playbook
child       the process: followed live, stopped safely, never left alone
ending      from what is left behind (result, log, events) to the one envelope; pure
run         the three together, in a folder of the run's own
"""
