"""What leaves for other tools: the outbox, events that are told, and who listens to them."""
