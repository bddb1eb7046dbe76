"""What is made of a report that lies in a file: it is data there, whoever wrote it."""
