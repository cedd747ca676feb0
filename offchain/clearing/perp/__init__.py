"""Trade perpetual swaps, and look at markets, accounts and funding: `clearing perp`."""
