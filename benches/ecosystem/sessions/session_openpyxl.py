"""A workbook, a sheet and a font."""

from openpyxl import Workbook
from openpyxl.styles import Font

font = Font(name="Arial", size=14, bold=True, color="FF0000")
wb = Workbook()
ws = wb.active
ws.title = "prices"
ws.append(["name", "price"])
ws.append(["nut", 0.5])
ws["B3"] = "=SUM(B2:B2)"
ws["A1"].font = font
ws.merge_cells("A4:B4")

CHECKS = {
    "font": "font.name, font.size, font.bold, font.color.rgb",
    "wb": "wb.sheetnames, wb['prices']['B3'].value, wb['prices']['A1'].font.bold",
    "ws": "ws.title, list(ws.values), [str(one) for one in ws.merged_cells.ranges], ws['A1'].font.size",
}
