"""The gate: judges golden signals and says Successful, Failed, Inconclusive or Error.

measurements  what was asked of Prometheus and what it answered, still as series
signals       the same by workload, typed, with "no data" as None and never as 0
baseline      what is known of a workload before it has a proxy
judge         signals against limits, one finding a signal
observation   how long to look, when it may end early
verdict       what comes out: outcome, findings, and one line for people
"""
