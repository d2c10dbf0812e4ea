//! The lists that the rules read: crates by what they do, and who may depend on whom.

/// The pure packages.
pub(super) const CORE: [&str; 4] = [
    "linker-kernels",
    "linker-token",
    "linker-tokenize",
    "linker-match",
];

/// Packages with a program that leaves the house.
pub(super) const SHIPPED_BINARIES: &[&str] = &[
    "appliance-server",
    "linker-agent",
    "keymgmt-ceremony",
    "firmware-config",
];

/// The only registry.
pub(super) const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Crates that run tasks, open sockets or keep databases.
pub(super) const IO: &[&str] = &[
    "async-io",
    "async-std",
    "axum",
    "curl",
    "diesel",
    "fjall",
    "h2",
    "heed",
    "hyper",
    "hyper-util",
    "lmdb",
    "mio",
    "postgres",
    "quinn",
    "redb",
    "reqwest",
    "rocksdb",
    "rusqlite",
    "rustls",
    "sled",
    "smol",
    "socket2",
    "sqlx",
    "tokio",
    "tokio-postgres",
    "tokio-rustls",
    "tokio-stream",
    "tokio-util",
    "tonic",
    "tower",
    "ureq",
];

/// Crates that bring randomness or a clock by the back door.
pub(super) const RANDOMNESS: &[&str] = &[
    "ahash",
    "chrono",
    "fastrand",
    "getrandom",
    "jiff",
    "rand",
    "rand_core",
    "time",
    "uuid",
];

/// Crates of which a shipped program holds one version. `rand_core` is left out: the metrics exporter
/// samples with an older one, and no key or nonce comes from it.
pub(super) const ONE_VERSION: &[&str] = &[
    "aead",
    "aes",
    "aes-gcm",
    "aws-lc-rs",
    "aws-lc-sys",
    "block-buffer",
    "cipher",
    "crypto-bigint",
    "crypto-common",
    "cryptoki",
    "cryptoki-sys",
    "ctr",
    "curve25519-dalek",
    "der",
    "digest",
    "ecdsa",
    "ed25519-dalek",
    "elliptic-curve",
    "ghash",
    "hkdf",
    "hmac",
    "hpke",
    "p256",
    "p384",
    "p521",
    "pkcs8",
    "polyval",
    "prost",
    "prost-types",
    "ring",
    "rustls",
    "rustls-pki-types",
    "rustls-webpki",
    "sec1",
    "sha1",
    "sha2",
    "sha3",
    "spki",
    "subtle",
    "tokio-rustls",
    "tonic",
    "tonic-prost",
    "universal-hash",
    "vsss-rs",
    "x509-parser",
    "zeroize",
];

/// Crates that no shipped program holds; `deny.toml` gives the reasons.
pub(super) const REFUSED: &[&str] = &[
    "bloomfilter",
    "native-tls",
    "openssl",
    "openssl-sys",
    "ring",
    "rs_merkle",
    "rsa",
    "sled",
    "md5",
    "sha1",
];

/// Crates that hold or use keys, and who may depend on them directly. The store seals segments itself,
/// under keys that custody derives.
pub(super) const KEY_CRATES: &[(&str, &[&str])] = &[
    ("aes-gcm", &["keymgmt-custody", "appliance-store"]),
    ("aws-lc-rs", &["keymgmt-custody"]),
    ("cryptoki", &["keymgmt-custody"]),
    ("hpke", &["keymgmt-custody"]),
    ("vsss-rs", &["keymgmt-custody"]),
];

/// Who may depend on whom among our own packages; `bench` may depend on anything, and nothing on `bench`.
pub(super) const ALLOWED_EDGES: &[(&str, &[&str])] = &[
    ("linkage-proto", &[]),
    ("linker-token", &[]),
    ("linker-kernels", &[]),
    ("linker-tokenize", &["linker-token"]),
    ("linker-match", &["linker-token", "linker-kernels"]),
    (
        "linker-agent",
        &[
            "linker-tokenize",
            "linker-token",
            "linkage-proto",
            "keymgmt-custody",
        ],
    ),
    ("keymgmt-custody", &["linker-token"]),
    ("keymgmt-ceremony", &["keymgmt-custody", "linker-token"]),
    ("appliance-store", &["linker-token", "keymgmt-custody"]),
    (
        "appliance-server",
        &[
            "linker-match",
            "linker-kernels",
            "linker-token",
            "appliance-store",
            "keymgmt-custody",
            "linkage-proto",
        ],
    ),
    ("firmware-config", &[]),
];
