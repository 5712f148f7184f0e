"""A document, and parts of it."""

from bs4 import BeautifulSoup

soup = BeautifulSoup("<html><body><p class='a b'>one <b>two</b></p><p id='last'>three</p></body></html>", "html.parser")
found = soup.find_all("p")
bold = soup.b
text = bold.string

CHECKS = {
    "soup": "str(soup), soup.p['class'], soup.find(id='last').text",
    "found": "type(found).__name__, [str(one) for one in found]",
    "bold": "str(bold), bold.parent.name, bold.find_next('p')['id']",
    "text": "type(text).__name__, str(text)",
}
