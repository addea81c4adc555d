"""What is sent to the API server for one attempt, and whether the server will understand it. Pure: asks nobody."""
