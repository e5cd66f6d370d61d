"""What agents write when a call is over, plain and odd."""

WRAP_UPS = ("RESOLVED", "CALLBACK", "SALE", "COMPLAINT", "Wrong number", "Billing question")
ODD_WRAP_UPS = (
    'said "call me back", and hung up',
    "Rückruf gewünscht, Größe XL für Zoë",
    "erledigt 👍🏽 ✅",
    "first line\nsecond line\r\nthird",
    "a;b;c",
    "O'Brien'); DROP TABLE Agent; --",
    "50 % off, {curly} \\backslash\\ <tag> & more",
    "\tafter a tab, two blanks  ",
    "顧客は満足しています",
    "long " * 60,
)
"""The last one has three hundred characters."""
