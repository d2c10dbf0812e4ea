//! Site files that are wrong, in every key, and site files that are meant to do harm.

use std::{fs, path::Path};

use firmware_config::{FirmwareError, Problem, catalogue::Catalogue, limits, render, site::Site};
use proptest::{prelude::*, test_runner::TestRunner};
use toml::{Table, Value};

fn sample() -> Table {
    named_sample("site.toml")
}

fn named_sample(name: &str) -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("samples")
        .join(name);
    fs::read_to_string(path)
        .expect("the sample is there")
        .parse()
        .expect("the sample is TOML")
}

fn parse(table: &Table) -> Result<Site, FirmwareError> {
    Site::parse(&table.to_string())
}

/// The paths of all keys, tables themselves included.
fn keys(table: &Table, above: &[String]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for (key, value) in table {
        let path = [above, std::slice::from_ref(key)].concat();
        if let Value::Table(inner) = value {
            all.extend(keys(inner, &path));
        }
        all.push(path);
    }
    all
}

/// The table that holds the last part of a path.
fn holder<'a>(table: &'a mut Table, path: &[String]) -> &'a mut Table {
    path[..path.len() - 1].iter().fold(table, |inner, key| {
        inner[key].as_table_mut().expect("a table")
    })
}

fn with(path: &str, value: impl Into<Value>) -> Result<Site, FirmwareError> {
    let mut table = sample();
    let path: Vec<String> = path.split('.').map(str::to_owned).collect();
    let last = path.last().expect("a key").clone();
    holder(&mut table, &path).insert(last, value.into());
    parse(&table)
}

fn problem(result: Result<Site, FirmwareError>) -> Option<(String, Problem)> {
    match result {
        Err(FirmwareError::Value { key, problem }) => Some((key, problem)),
        _ => None,
    }
}

#[test]
fn every_key_is_needed_and_no_other_is_taken() {
    let paths = keys(&sample(), &[]);
    assert!(paths.len() > 40, "the sample has every key");
    for path in paths {
        let mut without = sample();
        holder(&mut without, &path).remove(path.last().expect("a key"));
        assert!(
            matches!(parse(&without), Err(FirmwareError::SiteForm { .. })),
            "without {path:?}"
        );
        let mut more = sample();
        holder(&mut more, &path).insert("surprise".into(), Value::Integer(1));
        assert!(
            matches!(parse(&more), Err(FirmwareError::SiteForm { .. })),
            "more beside {path:?}"
        );
    }
}

#[test]
fn the_line_of_a_mistake_is_named() {
    let error = Site::parse("[host]\nname = \"a\"\nsurprise = 1\n").expect_err("an unknown key");
    assert!(
        matches!(error, FirmwareError::SiteForm { line: 3, .. }),
        "{error:?}"
    );
}

#[test]
fn ports_do_not_collide_and_need_no_privilege() {
    assert!(matches!(
        with("appliance.admin_port", 8443),
        Err(FirmwareError::PortCollision)
    ));
    for wrong in [0, 22, 1023] {
        assert_eq!(
            problem(with("appliance.grpc_port", wrong)),
            Some(("appliance.grpc_port".into(), Problem::ListenPort))
        );
    }
    assert!(with("appliance.grpc_port", 1024).is_ok());
    assert!(with("appliance.grpc_port", 65535).is_ok());
    for wrong in [65536, -1] {
        assert!(matches!(
            with("appliance.grpc_port", wrong),
            Err(FirmwareError::SiteForm { .. })
        ));
    }
    assert_eq!(
        problem(with("tokenizer.appliance_port", 0)),
        Some(("tokenizer.appliance_port".into(), Problem::Port))
    );
}

#[test]
fn a_host_is_one_thing() {
    assert!(matches!(
        with("tokenizer.enabled", true),
        Err(FirmwareError::Role)
    ));
    assert!(matches!(
        with("appliance.enabled", false),
        Err(FirmwareError::Role)
    ));
}

#[test]
fn one_past_every_bound_is_refused() {
    for (key, most) in [
        ("appliance.memory_gib", limits::MEMORY_GIB_MAX),
        (
            "appliance.connections_per_minute",
            limits::CONNECTIONS_PER_MINUTE_MAX,
        ),
        ("tokenizer.memory_gib", limits::MEMORY_GIB_MAX),
        ("tokenizer.delay_minutes", limits::DELAY_MINUTES_MAX),
    ] {
        assert!(with(key, most).is_ok(), "{key}");
        assert_eq!(
            problem(with(key, most + 1)),
            Some((key.into(), Problem::Range))
        );
    }
    let networks = |count: usize| -> Vec<Value> {
        (0..count)
            .map(|n| format!("10.{}.{}.0/24", n / 256, n % 256).into())
            .collect()
    };
    assert!(
        with(
            "appliance.source_networks",
            networks(limits::LIST_ENTRIES_MAX)
        )
        .is_ok()
    );
    let more = with(
        "appliance.source_networks",
        networks(limits::LIST_ENTRIES_MAX + 1),
    );
    assert_eq!(
        problem(more),
        Some(("appliance.source_networks".into(), Problem::Entries))
    );
    let size = usize::try_from(limits::SITE_BYTES_MAX).expect("fits");
    let padded = |extra: usize| {
        let text = sample().to_string();
        let room = size - text.len() + extra;
        format!("{text}#{}", "x".repeat(room - 1))
    };
    assert!(Site::parse(&padded(0)).is_ok());
    assert!(matches!(
        Site::parse(&padded(1)),
        Err(FirmwareError::SiteSize)
    ));
}

#[test]
fn lists_have_what_they_need_and_nothing_twice() {
    let strings =
        |texts: &[&str]| -> Vec<Value> { texts.iter().map(|text| Value::from(*text)).collect() };
    let empty = problem(with("appliance.source_networks", strings(&[])));
    assert_eq!(
        empty,
        Some(("appliance.source_networks".into(), Problem::Empty))
    );
    let empty = problem(with("host.time_servers", strings(&[])));
    assert_eq!(empty, Some(("host.time_servers".into(), Problem::Empty)));
    let twice = problem(with(
        "host.time_servers",
        strings(&["2001:db8::1", "2001:0db8:0::1"]),
    ));
    assert_eq!(twice, Some(("host.time_servers[1]".into(), Problem::Twice)));
    let family = problem(with(
        "appliance.source_networks",
        strings(&["192.0.2.0/24", "2001:db8::/32"]),
    ));
    assert_eq!(
        family,
        Some(("appliance.source_networks[1]".into(), Problem::Family))
    );
    let everything = problem(with("appliance.source_networks", strings(&["0.0.0.0/0"])));
    assert_eq!(
        everything,
        Some(("appliance.source_networks[0]".into(), Problem::Unicast))
    );
    let anywhere = problem(with("appliance.grpc_address", "0.0.0.0"));
    assert_eq!(
        anywhere,
        Some(("appliance.grpc_address".into(), Problem::Unicast))
    );
}

#[test]
fn a_writable_folder_is_never_where_programs_or_settings_lie() {
    for wrong in [
        "/usr/lib/musubi",
        "/etc/musubi",
        "/home/musubi",
        "/var/lib/../../etc",
        "/",
    ] {
        assert!(problem(with("appliance.data", wrong)).is_some(), "{wrong}");
        assert!(problem(with("tokenizer.state", wrong)).is_some(), "{wrong}");
    }
    for wrong in ["/var/lib/appliance", "/tmp/appliance", "/srv/appliance"] {
        assert!(
            problem(with("appliance.program", wrong)).is_some(),
            "{wrong}"
        );
    }
}

#[test]
fn a_device_costs_the_private_dev_and_is_the_only_one() {
    let devices: Vec<Value> = vec!["/dev/hsm0".into()];
    let site = with("appliance.hsm.devices", devices).expect("sound");
    let catalogue = Catalogue::shipped().expect("shipped data load");
    let files = render::render(&catalogue, &site).expect("it renders");
    let unit = files
        .iter()
        .find(|file| file.path.ends_with("musubi-appliance.service"))
        .expect("a unit");
    assert!(unit.text.contains("\nDeviceAllow=/dev/hsm0 rw\n"));
    assert!(!unit.text.contains("PrivateDevices=yes"));
    assert!(unit.text.contains("\nDevicePolicy=closed\n"));
}

/// The file and the first word of every rendered line: what no value may change.
fn shape(catalogue: &Catalogue, table: &Table) -> Result<Vec<(String, String)>, FirmwareError> {
    let files = render::render(catalogue, &parse(table)?)?;
    let lines = files
        .iter()
        .flat_map(|file| file.text.lines().map(|line| (file.path.clone(), line)));
    let word = |line: &str| {
        line.trim_start()
            .split(['=', ' '])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    Ok(lines.map(|(path, line)| (path, word(line))).collect())
}

fn hostile_text() -> impl Strategy<Value = String> {
    let seeds = prop::sample::select(vec![
        "\nUser=root",
        "\r\nExecStart=/bin/sh",
        "/srv/x\nNoNewPrivileges=no",
        "/var/lib/a\\\nb",
        "/srv/%h",
        "/usr/lib/$HOME",
        "/usr/bin/sh -c id",
        "/etc/a;reboot",
        "198.51.100.0/24 accept; policy accept",
        "10.0.0.0/8\"",
        "127.0.0.1}",
        "::1#",
        "02:30\nPersistent=no",
        "host name",
        "\u{2028}",
        "\0",
        "ａ",
        "/srv/../etc/shadow",
        "/dev/../etc",
        "@{pkcs11_module}",
        "1.2.3.4/8",
        "/usr/lib/@{item}",
        "10.0.0.0/8",
        "host",
        "/srv/data",
        "/usr/bin/x",
        "/etc/x",
    ]);
    prop_oneof![
        seeds.clone().prop_map(str::to_owned),
        any::<String>(),
        (seeds, any::<String>()).prop_map(|(seed, text)| format!("{seed}{text}")),
    ]
}

/// Puts one hostile string into one key of a sound site, and compares the shape of what is rendered.
fn attack(name: &str) {
    let catalogue = Catalogue::shipped().expect("shipped data load");
    let table = named_sample(name);
    let sound = shape(&catalogue, &table).expect("the sample renders");
    let holds_text = |path: &Vec<String>| {
        let mut table = table.clone();
        let value = &holder(&mut table, path)[path.last().expect("a key")];
        value.is_str() || value.as_array().is_some_and(|list| list.len() == 1)
    };
    let paths: Vec<_> = keys(&table, &[]).into_iter().filter(holds_text).collect();
    assert!(paths.len() > 15, "{name} has strings to attack");
    let mut runner = TestRunner::new(ProptestConfig::with_cases(2_000));
    let input = (prop::sample::select(paths), hostile_text());
    let result = runner.run(&input, |(path, text)| {
        let mut table = table.clone();
        let slot = holder(&mut table, &path)
            .get_mut(path.last().expect("a key"))
            .expect("it is there");
        *slot = if slot.is_str() {
            Value::from(text)
        } else {
            Value::Array(vec![text.into()])
        };
        if let Ok(changed) = shape(&catalogue, &table) {
            prop_assert_eq!(&changed, &sound);
        }
        Ok(())
    });
    assert!(result.is_ok(), "{result:?}");
}

#[test]
fn no_string_changes_the_shape_of_a_linkage_unit() {
    attack("site.toml");
}

#[test]
fn no_string_changes_the_shape_of_a_source_site() {
    attack("source.toml");
}
