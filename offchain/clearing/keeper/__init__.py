"""Keepers: replica, scan, decision and sending for the jobs that anybody may do for the swaps.

Every module can be imported alone; no framework is needed. `book`, `columns`, `exact`, `scan` and
`plan` compute; `replica`, `lane` and `endpoints` talk to nodes; `supervisor` runs the jobs.
"""
