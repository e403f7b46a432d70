"""What every picture shares: lines that differ, a grid without empty frames, one legend, files that are repeatable."""

from pathlib import Path

from salmon.tracking.plot_style import DASHES, DPI, legend_below, line_style, panel_grid, save_figure


def test_lines_differ_without_colours_too() -> None:
    styles = [line_style(place) for place in range(7)]
    for part in ("color", "marker"):
        assert len({style[part] for style in styles}) == 7
    assert [style["linestyle"] for style in styles[:4]] == list(DASHES)
    assert line_style(7)["color"] == line_style(0)["color"], "after the last comes the first"


def test_a_grid_has_as_many_panels_as_asked_for() -> None:
    figure, panels = panel_grid(4, columns=3)
    assert len(panels) == 4
    assert sum(axes.axison for axes in figure.axes) == 4, "the two places that are left are blank"


def test_a_line_in_several_panels_is_once_in_the_legend() -> None:
    figure, panels = panel_grid(2, columns=2)
    for axes in panels:
        axes.plot([0, 1], [0, 1], label="run")
    legend_below(figure, panels, "lines")
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["run"]


def test_nothing_drawn_has_no_legend() -> None:
    figure, panels = panel_grid(1, columns=3)
    legend_below(figure, panels, "lines")
    assert figure.legends == []


def test_equal_pictures_are_equal_files(tmp_path: Path) -> None:
    contents = []
    for name in ("a", "b"):
        figure, (axes,) = panel_grid(1, columns=1)
        axes.plot([0, 1], [0, 1], **line_style(0))
        files = save_figure(figure, tmp_path / name)
        assert [file.name for file in files] == [f"{name}.png", f"{name}.svg"]
        contents.append([file.read_bytes() for file in files])
    assert contents[0] == contents[1]


def test_no_title_is_cut_off(tmp_path):
    from matplotlib.figure import Figure
    from matplotlib.image import imread

    figure = Figure(figsize=(3, 2))
    figure.subplots()
    width = [imread(save_figure(figure, tmp_path / "short", [".png"])[0]).shape[1]]
    figure.suptitle("SMOKE TEST on the mini set, not a benchmark; LIMITED to the first 32 items of each task")
    width += [imread(save_figure(figure, tmp_path / "long", [".png"])[0]).shape[1]]
    assert width[0] <= 3 * DPI < 5 * DPI < width[1]
