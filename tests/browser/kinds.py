"""One page of each kind."""

CAMPAIGN = "results/campaigns/smollm-cpu/index.html"
GENERATED = (
    "index.html",
    "results/campaigns/index.html",
    CAMPAIGN,
    "results/campaigns/smollm-gpu/index.html",
    "results/compare.html#c=chat-first,chat-second",
    "results/compare.html#c=chat-first,chat-elsewhere",
    "results/runtimes.html",
    "results/parameters.html",
    "results/trends.html",
    "results/cost.html",
    "results/failures.html",
    "results/methodology.html",
    "results/downloads.html",
    "results/sql.html",
)
"""One of each kind, of the site `stocked`."""
WRITTEN = ("guide/quickstart.html", "reference/errors.html")
"""Of the site `built`, which has the pages of the repository too."""
