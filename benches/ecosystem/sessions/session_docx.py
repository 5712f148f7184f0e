"""A document, and a paragraph of it."""

from docx import Document

doc = Document()
doc.add_heading("Report", 1)
para = doc.add_paragraph("plain and ")
para.add_run("bold").bold = True

CHECKS = {
    "doc": "[(one.style.name, one.text) for one in doc.paragraphs]",
    "para": "para.text, [run.bold for run in para.runs]",
}
