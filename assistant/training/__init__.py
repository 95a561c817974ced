"""The training box: pictures and questions from packages that anyone can fetch, as an endless, repeatable stream."""
