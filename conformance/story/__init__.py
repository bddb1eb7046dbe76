"""What an LSTM does, for readers: how far its gradient flows, and what its gates do."""
