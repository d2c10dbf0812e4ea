use super::*;

const SAMPLE: &str = include_str!("../../samples/tokenizer.toml");

fn parse(text: &str) -> Result<Config, AgentError> {
    parse::config(text, Path::new("/site"), "tokenizer.toml")
}

#[test]
fn the_shipped_sample_parses_and_shows_every_key() {
    let config = parse(SAMPLE).unwrap();
    assert_eq!(config.state, Path::new("/site/state"));
    for line in config.describe(Language::En).lines() {
        let key = line.split([' ', '.']).nth(1).unwrap();
        let shown = SAMPLE.lines().any(|line| {
            let line = line.trim_start_matches("# ");
            line.starts_with(&format!("{key} = "))
        });
        assert!(shown, "{key} is not in the sample");
    }
    let with_origin = SAMPLE.replace("# origin", "origin");
    let origin = parse(&with_origin).unwrap().appliance.origin;
    assert_eq!(origin.as_deref(), Some("musubi.example/demo"));
    let whole = SAMPLE
        .replace("# proxy", "proxy")
        .replace("# bandwidth", "bandwidth");
    let line = parse(&whole).unwrap().appliance;
    let proxy = line.proxy.unwrap();
    assert_eq!((proxy.host.as_str(), proxy.port), ("proxy.example", 3128));
    assert_eq!(proxy.secret.as_deref(), Some(Path::new("/site/proxy.txt")));
    let window = Window {
        from: 480,
        to: 1080,
        bytes_per_second: 512 * 1024,
    };
    assert_eq!(line.bandwidth, [window]);
}

#[test]
fn defaults_are_those_that_the_sample_names() {
    let short: String = SAMPLE
        .lines()
        .filter(|line| {
            let defaulted = [
                "role",
                "utc_offset",
                "encoding",
                "retry_for",
                "batch_rows",
                "spool_mib",
                "[upload]",
                "follow",
                "poll_seconds",
                "settle_seconds",
                "daily_at",
                "every_minutes",
                "[watch]",
            ];
            !defaulted.iter().any(|key| line.starts_with(key))
        })
        .map(|line| line.to_owned() + "\n")
        .collect();
    let (short, whole) = (parse(&short).unwrap(), parse(SAMPLE).unwrap());
    assert_eq!(short.describe(Language::En), whole.describe(Language::En));
}

#[test]
fn a_desk_has_no_source_and_a_site_has_one() {
    let (head, rest) = SAMPLE.split_once("[source]\n").unwrap();
    let (_, rest) = rest.split_once("[keys]\n").unwrap();
    let (rest, _) = rest.split_once("[upload]\n").unwrap();
    let site = format!("{head}[keys]\n{rest}");
    let desk = site.replace("role = \"site\"", "role = \"consultation\"");
    let config = parse(&desk).unwrap();
    assert_eq!(config.role, Role::Consultation);
    for key in ["source.", "upload.", "watch."] {
        assert!(!config.describe(Language::En).contains(key), "{key}");
    }
    let refused = crate::source::of(&config).unwrap_err();
    assert_eq!(refused.fault(), Fault::ConfigValue);
    let both = SAMPLE.replace("role = \"site\"", "role = \"consultation\"");
    for (text, said) in [
        (&site, "source: a source site has one"),
        (
            &both,
            "source: a consultation desk reads nothing and has none",
        ),
    ] {
        let refused = parse(text).unwrap_err();
        assert_eq!(refused.fault(), Fault::ConfigValue);
        assert!(refused.to_string().contains(said), "{refused}");
    }
}

/// One change of the sample is refused with this fault, and its place is named.
fn refused(from: &str, to: &str, fault: Fault, text: &str) {
    let changed = SAMPLE.replacen(from, to, 1);
    assert_ne!(changed, SAMPLE, "{from}");
    let error = parse(&changed).unwrap_err();
    assert_eq!(error.fault(), fault, "{from} -> {to}: {error}");
    assert!(error.to_string().contains(text), "{from} -> {to}: {error}");
    assert_eq!(error.exit(), 64);
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (from, to, fault, text) in [
        (
            "name = ",
            "nam = ",
            Fault::ConfigSyntax,
            "line 7: unknown field `nam`",
        ),
        (
            "format = \"csv\"",
            "format = \"xls\"",
            Fault::ConfigSyntax,
            "unknown variant",
        ),
        (
            "\"hospital\"\n",
            "\"Hospital\"\n",
            Fault::ConfigValue,
            "site.name",
        ),
        (
            "mapping = ",
            "# ",
            Fault::ConfigValue,
            "source.mapping: csv needs one",
        ),
        (
            "format = \"csv\"",
            "format = \"uke\"",
            Fault::ConfigValue,
            "source.mapping: only csv",
        ),
        (
            "https://",
            "http://",
            Fault::ConfigValue,
            "appliance.address",
        ),
        (":7443", ":7443/x", Fault::ConfigValue, "appliance.address"),
        (
            "\"appliance.demo\"",
            "\"a b\"",
            Fault::ConfigValue,
            "appliance.server_name",
        ),
        (
            "= 65536",
            "= 65537",
            Fault::ConfigValue,
            "upload.batch_rows: it is 1 to 65536",
        ),
        ("= 65536", "= 0", Fault::ConfigValue, "upload.batch_rows"),
        (
            "= 600",
            "= 604801",
            Fault::ConfigValue,
            "retry_for_seconds: it is at most 604800",
        ),
        ("= 600", "= -1", Fault::ConfigSyntax, "invalid value"),
    ] {
        refused(from, to, fault, text);
    }
}

#[test]
fn mistakes_about_line_and_schedule_are_named() {
    for (from, to, fault, text) in [
        (
            "utc_offset = \"+09:00\"",
            "utc_offset = \"JST\"",
            Fault::ConfigValue,
            "site.utc_offset",
        ),
        (
            "spool_mib = 4096",
            "spool_mib = 0",
            Fault::ConfigValue,
            "upload.spool_mib: it is 1 to 1048576",
        ),
        (
            "follow = true",
            "follow = false",
            Fault::ConfigValue,
            "watch.follow: without it",
        ),
        (
            "poll_seconds = 60",
            "poll_seconds = 0",
            Fault::ConfigValue,
            "watch.poll_seconds",
        ),
        (
            "daily_at = []",
            "daily_at = [\"2:30\"]",
            Fault::ConfigValue,
            "watch.daily_at: a time of day is HH:MM",
        ),
        (
            "# proxy = \"http:",
            "proxy = \"https:",
            Fault::ConfigValue,
            "appliance.proxy: it is http://HOST:PORT",
        ),
        (
            "# proxy = \"http://",
            "proxy = \"http://user:word@",
            Fault::ConfigValue,
            "appliance.proxy:",
        ),
        (
            "# proxy_secret",
            "proxy_secret",
            Fault::ConfigValue,
            "there is no appliance.proxy",
        ),
        (
            "# bandwidth = [{ from = \"08:00\"",
            "bandwidth = [{ from = \"18:00\"",
            Fault::ConfigValue,
            "appliance.bandwidth: from and to differ",
        ),
    ] {
        refused(from, to, fault, text);
    }
}

#[test]
fn files_one_byte_past_their_bound_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, b"abc").unwrap();
    assert_eq!(read_bounded(&path, 3).unwrap(), b"abc");
    assert!(read_bounded(&path, 2).is_err());
    let error = Config::load(&path).unwrap_err();
    assert_eq!(error.fault(), Fault::ConfigSyntax);
}
