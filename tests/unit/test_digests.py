from jova_bench.digests import short_digest, shortened


def test_a_short_digest_is_the_beginning_of_the_sha256():
    # FIPS 180-4, one-block message "abc": ba7816bf 8f01cfea ...
    assert short_digest(b"abc") == "ba7816bf8f01"
    assert shortened("ba7816bf8f01cfea414140de") == "ba7816bf8f01"
