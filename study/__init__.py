"""What is run and what it showed: studies, their launch, their claims and tables."""
