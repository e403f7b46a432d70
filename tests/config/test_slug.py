from salmon.config.slug import slug, text_digest


def test_a_slug_is_a_file_name() -> None:
    assert slug("model=tiny,seed=1") == "model=tiny,seed=1"
    assert slug("a/b  c:é*d") == "a_b_c_d"
    assert slug("local-expected-rating(SmolLM2)") == "local-expected-rating(SmolLM2)"


def test_texts_with_one_slug_have_other_digests() -> None:
    assert slug("a/b") == slug("a b") and text_digest("a/b") != text_digest("a b")
    assert len(text_digest("")) == 8
