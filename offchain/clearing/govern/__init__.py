"""Make proposals, vote on them and bring them to their effect: the command `clearing govern`."""
