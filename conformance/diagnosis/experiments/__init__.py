"""What can be found out about a mistake that is on no list, by asking the backend again."""
