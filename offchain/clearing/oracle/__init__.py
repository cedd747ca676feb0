"""The price oracle for operators: replay of source readings, and the state of a deployment."""
