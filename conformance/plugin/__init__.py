"""What pytest does once `--lstm` is given: targets are lent, verdicts delivered, and the whole is concluded."""
