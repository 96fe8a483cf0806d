"""The derivative of a recurrence."""
