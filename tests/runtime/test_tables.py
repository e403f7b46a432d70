"""One table in each form."""

from salmon.runtime.tables import aligned_table, csv_table, escape_latex, latex_table, markdown_table

HEADER = ["metric", "n"]
ROWS = [["a|b", "7"], ["c_d", "1000"]]


def test_columns_are_aligned_for_a_terminal() -> None:
    assert aligned_table(HEADER, ROWS) == "metric  n\na|b     7\nc_d     1000"


def test_numbers_can_stand_to_the_right_below_a_rule() -> None:
    assert aligned_table(HEADER, ROWS, right=[1], rule=True) == (
        "metric     n\n------  ----\na|b        7\nc_d     1000"
    )


def test_a_header_alone_is_a_table() -> None:
    assert aligned_table(HEADER, [], rule=True) == "metric  n\n------  -"
    assert markdown_table(HEADER, []) == "| metric | n |\n| --- | --- |"


def test_a_bar_in_a_cell_ends_no_column_of_markdown() -> None:
    assert markdown_table(HEADER, ROWS, right=[1]) == ("| metric | n |\n| --- | ---: |\n| a\\|b | 7 |\n| c_d | 1000 |")


def test_latex_is_escaped() -> None:
    assert latex_table(HEADER, ROWS, right=[1]) == (
        "\\begin{tabular}{lr}\n\\toprule\nmetric & n \\\\\n\\midrule\n"
        "a|b & 7 \\\\\nc\\_d & 1000 \\\\\n\\bottomrule\n\\end{tabular}"
    )
    assert "a\\_b" in latex_table(["a_b"], [["1 ± 2"]]), "headings"
    assert "smollm2\\_135m" in latex_table(["model"], [["smollm2_135m"]]), "and cells"
    assert escape_latex("1 ± 2 % of \\x{~}") == r"1 $\pm$ 2 \% of \textbackslash{}x\{\textasciitilde{}\}"


def test_csv_keeps_numbers_and_quotes_commas() -> None:
    assert csv_table(HEADER, [["a,b", 0.1], ["c", None]]) == 'metric,n\n"a,b",0.1\nc,\n'
