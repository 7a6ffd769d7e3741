"""What is done to many customers of the table at once: those selected, or all that its filters leave."""
