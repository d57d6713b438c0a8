from datetime import UTC, datetime

from routing.published_prices import context_window_of, price_of

DAY = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_public_models_price_is_in_nano_dollars_per_million_tokens():
    price = price_of(kind="openai", base_url="https://api.openai.com/v1", wire_name="gpt-4o-mini", at=DAY)
    assert price is not None
    assert (price.input, price.output, price.cached_input) == (150_000_000, 600_000_000, 75_000_000)


def test_a_format_that_one_company_speaks_is_priced_behind_any_address():
    direct = price_of(kind="anthropic", base_url="https://api.anthropic.com", wire_name="claude-haiku-4-5", at=DAY)
    proxied = price_of(kind="anthropic", base_url="http://proxy:1", wire_name="claude-haiku-4-5", at=DAY)
    assert direct is not None
    assert proxied == direct


def test_a_model_on_a_server_of_ones_own_has_no_published_price():
    assert price_of(kind="openai", base_url="http://vllm:8000/v1", wire_name="gpt-4o-mini", at=DAY) is None


def test_an_embedding_model_costs_nothing_on_the_way_out():
    price = price_of(kind="openai", base_url="https://api.openai.com/v1", wire_name="text-embedding-3-small", at=DAY)
    assert price is not None
    assert price.output == 0


def test_context_windows_are_known_where_the_data_says():
    address = "https://api.openai.com/v1"
    assert context_window_of(kind="openai", base_url=address, wire_name="gpt-4o") == 128_000
    assert context_window_of(kind="openai", base_url=address, wire_name="no-such-model") is None
