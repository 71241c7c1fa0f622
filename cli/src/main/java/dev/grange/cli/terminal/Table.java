package dev.grange.cli.terminal;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;

/** Columns as wide as their widest cell, two spaces between them. */
final class Table {

  private final List<List<String>> rows = new ArrayList<>();

  Table(List<String> header) {
    rows.add(header);
  }

  void row(List<String> cells) {
    rows.add(cells);
  }

  void print(PrintStream out) {
    int[] widths = new int[rows.getFirst().size()];
    for (List<String> row : rows) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], Plain.text(row.get(i)).length());
      }
    }
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < widths.length; i++) {
        String cell = Plain.text(row.get(i));
        line.append(cell).repeat(' ', widths[i] - cell.length() + 2);
      }
      out.println(line.toString().stripTrailing());
    }
  }
}
