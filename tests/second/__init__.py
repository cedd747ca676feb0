"""Everything that money rests on, computed a second time by what shares no code with ours."""
