"""Run the compiled contracts inside this process, tens of thousands of calls a second."""
