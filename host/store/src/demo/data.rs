//! The schema, the rows and the sample questions. All of it is invented.

use crate::Sample;

pub(super) struct Company {
    pub(super) name: &'static str,
    pub(super) symbol: &'static str,
    pub(super) sector: &'static str,
    pub(super) founded_year: i64,
    pub(super) employees: i64,
    pub(super) market_cap: i64,
    /// Revenue and profit in dollars, a pair for each of [`QUARTERS`].
    pub(super) quarters: [(i64, i64); 5],
}

pub(super) struct Benchmark {
    pub(super) test_name: &'static str,
    pub(super) test_date: &'static str,
    pub(super) duration_seconds: i64,
    pub(super) total_queries: i64,
    pub(super) cache_hit_rate: f64,
    pub(super) avg_response_time_ms: f64,
    pub(super) success_rate: f64,
    pub(super) notes: &'static str,
}

/// The quarters, in the order of [`Company::quarters`].
pub(super) const QUARTERS: [(&str, i64); 5] = [
    ("Q1", 2024),
    ("Q2", 2024),
    ("Q3", 2024),
    ("Q4", 2024),
    ("Q1", 2025),
];

/// Ten million dollars: the figures below have two decimals at most, as billions.
const fn money(revenue: i64, profit: i64) -> (i64, i64) {
    (revenue * 10_000_000, profit * 10_000_000)
}

const BILLION: i64 = 1_000_000_000;

pub(super) const COMPANIES: [Company; 5] = [
    Company {
        name: "TechCorp Inc.",
        symbol: "TECH",
        sector: "Technology",
        founded_year: 1995,
        employees: 50_000,
        market_cap: 250 * BILLION,
        quarters: [
            money(2300, 460),
            money(2400, 480),
            money(2600, 550),
            money(2800, 600),
            money(2500, 500),
        ],
    },
    Company {
        name: "FinanceFirst LLC",
        symbol: "FINF",
        sector: "Financial Services",
        founded_year: 1988,
        employees: 25_000,
        market_cap: 125 * BILLION,
        quarters: [
            money(1180, 280),
            money(1250, 290),
            money(1300, 310),
            money(1350, 320),
            money(1200, 300),
        ],
    },
    Company {
        name: "HealthTech Solutions",
        symbol: "HLTH",
        sector: "Healthcare",
        founded_year: 2005,
        employees: 15_000,
        market_cap: 75 * BILLION,
        quarters: [
            money(750, 110),
            money(780, 115),
            money(820, 125),
            money(850, 130),
            money(800, 120),
        ],
    },
    Company {
        name: "Green Energy Corp",
        symbol: "GREN",
        sector: "Energy",
        founded_year: 2010,
        employees: 8_000,
        market_cap: 45 * BILLION,
        quarters: [
            money(480, 68),
            money(520, 75),
            money(580, 85),
            money(600, 90),
            money(550, 80),
        ],
    },
    Company {
        name: "RetailMax Group",
        symbol: "RTLM",
        sector: "Retail",
        founded_year: 1975,
        employees: 120_000,
        market_cap: 95 * BILLION,
        quarters: [
            money(1680, 165),
            money(1750, 175),
            money(1900, 200),
            money(2200, 240),
            money(1800, 180),
        ],
    },
];

pub(super) const BENCHMARKS: [Benchmark; 2] = [
    Benchmark {
        test_name: "baseline",
        test_date: "2025-01-15",
        duration_seconds: 60,
        total_queries: 100,
        cache_hit_rate: 0.0,
        avg_response_time_ms: 250.5,
        success_rate: 1.0,
        notes: "Invented for the demo, measured nowhere",
    },
    Benchmark {
        test_name: "with cache",
        test_date: "2025-01-16",
        duration_seconds: 60,
        total_queries: 100,
        cache_hit_rate: 0.5,
        avg_response_time_ms: 180.2,
        success_rate: 1.0,
        notes: "Invented for the demo, measured nowhere",
    },
];

/// The comments stay in the schema, where whoever looks at it finds them.
pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS companies (
    id           INTEGER PRIMARY KEY,
    name         TEXT NOT NULL UNIQUE,
    symbol       TEXT NOT NULL UNIQUE,
    sector       TEXT NOT NULL,
    founded_year INTEGER,
    employees    INTEGER,
    market_cap   INTEGER, -- whole US dollars
    created_at   TEXT NOT NULL DEFAULT '2025-04-01T00:00:00Z',
    updated_at   TEXT NOT NULL DEFAULT '2025-04-01T00:00:00Z'
) STRICT;
CREATE TABLE IF NOT EXISTS financial_records (
    id         INTEGER PRIMARY KEY,
    company_id INTEGER NOT NULL REFERENCES companies (id),
    quarter    TEXT NOT NULL CHECK (quarter IN ('Q1', 'Q2', 'Q3', 'Q4')),
    year       INTEGER NOT NULL,
    revenue    INTEGER NOT NULL, -- whole US dollars
    profit     INTEGER NOT NULL, -- whole US dollars
    expenses   INTEGER NOT NULL, -- whole US dollars
    created_at TEXT NOT NULL DEFAULT '2025-04-01T00:00:00Z',
    UNIQUE (company_id, quarter, year)
) STRICT;
CREATE TABLE IF NOT EXISTS financial_data (
    id         INTEGER PRIMARY KEY,
    company_id INTEGER NOT NULL REFERENCES companies (id),
    quarter    TEXT NOT NULL CHECK (quarter IN ('Q1', 'Q2', 'Q3', 'Q4')),
    year       INTEGER NOT NULL,
    revenue    INTEGER NOT NULL, -- whole US dollars
    profit     INTEGER NOT NULL, -- whole US dollars
    expenses   INTEGER NOT NULL, -- whole US dollars
    created_at TEXT NOT NULL DEFAULT '2025-04-01T00:00:00Z',
    UNIQUE (company_id, quarter, year)
) STRICT;
CREATE TABLE IF NOT EXISTS benchmarks (
    id                   INTEGER PRIMARY KEY,
    test_name            TEXT NOT NULL,
    test_date            TEXT NOT NULL,
    duration_seconds     INTEGER NOT NULL,
    total_queries        INTEGER NOT NULL,
    cache_hit_rate       REAL NOT NULL, -- from 0 to 1
    avg_response_time_ms REAL NOT NULL,
    success_rate         REAL NOT NULL, -- from 0 to 1
    notes                TEXT,
    UNIQUE (test_name, test_date)
) STRICT;
CREATE INDEX IF NOT EXISTS companies_by_sector ON companies (sector);
CREATE INDEX IF NOT EXISTS companies_by_market_cap ON companies (market_cap);
CREATE INDEX IF NOT EXISTS financial_records_by_company ON financial_records (company_id);
CREATE INDEX IF NOT EXISTS financial_records_by_period ON financial_records (year, quarter);
CREATE INDEX IF NOT EXISTS financial_records_by_revenue ON financial_records (revenue);
CREATE INDEX IF NOT EXISTS financial_data_by_company ON financial_data (company_id);
CREATE INDEX IF NOT EXISTS financial_data_by_period ON financial_data (year, quarter);
CREATE INDEX IF NOT EXISTS financial_data_by_revenue ON financial_data (revenue);
CREATE INDEX IF NOT EXISTS benchmarks_by_date ON benchmarks (test_date);
CREATE INDEX IF NOT EXISTS benchmarks_by_name ON benchmarks (test_name);
";

/// The sample questions with statements that answer them.
pub fn samples() -> Vec<Sample> {
    [
        (
            "Which technology companies are there?",
            "SELECT name, symbol, employees, market_cap FROM companies WHERE sector = 'Technology' ORDER BY name",
        ),
        (
            "What was each company's revenue in 2024?",
            "SELECT c.name, c.symbol, SUM(f.revenue) AS revenue FROM companies AS c \
             JOIN financial_records AS f ON f.company_id = c.id WHERE f.year = 2024 \
             GROUP BY c.id ORDER BY revenue DESC",
        ),
        (
            "What were the results of the first quarter of 2025?",
            "SELECT c.name, f.revenue, f.profit, f.expenses FROM financial_records AS f \
             JOIN companies AS c ON c.id = f.company_id WHERE f.quarter = 'Q1' AND f.year = 2025 \
             ORDER BY f.revenue DESC",
        ),
        (
            "How many companies are in each sector?",
            "SELECT sector, COUNT(*) AS companies FROM companies GROUP BY sector ORDER BY sector",
        ),
        (
            "How did TechCorp do over time?",
            "SELECT f.year, f.quarter, f.revenue, f.profit FROM financial_records AS f \
             JOIN companies AS c ON c.id = f.company_id WHERE c.symbol = 'TECH' ORDER BY f.year, f.quarter",
        ),
        (
            "What were the average quarterly figures of 2024?",
            "SELECT AVG(revenue) AS revenue, AVG(profit) AS profit, AVG(expenses) AS expenses \
             FROM financial_records WHERE year = 2024",
        ),
        (
            "Which companies have the highest market value, and what was their revenue in the first quarter of 2025?",
            "SELECT c.name, c.market_cap, f.revenue FROM companies AS c \
             LEFT JOIN financial_records AS f ON f.company_id = c.id AND f.quarter = 'Q1' AND f.year = 2025 \
             ORDER BY c.market_cap DESC",
        ),
    ]
    .map(|(question, statement)| Sample {
        question: question.to_owned(),
        statement: statement.to_owned(),
    })
    .to_vec()
}
