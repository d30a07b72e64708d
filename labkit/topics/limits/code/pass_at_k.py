"""How likely one of k attempts is right, estimated from n attempts."""

from labkit.checks import check_whole


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that at least one of k attempts passes, if c of n attempts did.

    It is unbiased: 1 − C(n − c, k) / C(n, k), the share of all choices of k attempts that contain
    one that passed. The obvious 1 − (1 − c/n)^k is too low.

    Args:
        n: number of attempts, 1 or more.
        c: number of those that passed, 0 to n.
        k: 1 to n.
    Raises:
        ValueError: an argument is out of range.
    Source: Chen et al. 2021, "Evaluating Large Language Models Trained on Code", equation 1.

    >>> round(pass_at_k(10, 3, 1), 3), round(pass_at_k(10, 3, 5), 3)
    (0.3, 0.917)
    """
    check_whole("n", n, 1)
    check_whole("c", c, 0, n)
    check_whole("k", k, 1, n)
    none_passes = 1.0
    for i in range(n - c + 1, n + 1):
        none_passes *= max(0.0, 1 - k / i)
    return 1.0 if n - c < k else 1 - none_passes
