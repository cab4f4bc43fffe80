"""What a run did and what its gates saw, as one tree of plain data that HTML, Markdown and JSON are made of.

model      the tree
build      from a run's record and the recordings of its gates to the tree
verdict    how the run ended, in words, and how to undo it
gates      gates, and what each said of each workload
figures    the worst of each signal, to see at a glance
timeline   the time that plots show: gates, settling, restarts
plots      which signals of a workload are drawn, and their points
"""
