"""Executing the course's notebooks: headlessly in order, with a report, and in place to renew their outputs."""
