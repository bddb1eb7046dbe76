"""What happens inside an LSTM: flow and gates."""
