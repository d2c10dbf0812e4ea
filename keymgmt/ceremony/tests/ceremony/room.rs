//! Ceremonies as people have them: on a terminal, with typed hashes, PINs and shares.

use crate::{
    people::{ASK_GO, People, first_groups},
    rig::{Room, good},
    terminal::Terminal,
};

/// PINs are typed, not read from files.
fn typed_pins(room: &Room) {
    let text = room.text("environment.toml");
    let kept = text.lines().filter(|line| !line.contains("_pin_file"));
    let kept: Vec<_> = kept.collect();
    room.write("environment.toml", &(kept.join("\n") + "\n"));
    for name in [
        "custody-officer",
        "custody-user",
        "appliance-officer",
        "appliance-user",
    ] {
        std::fs::remove_file(room.at(&format!("{name}.pin"))).expect("removes");
    }
}

#[test]
fn a_whole_ceremony_on_a_terminal() {
    let room = Room::new();
    typed_pins(&room);
    room.spare_token();
    let text = room.text("environment.toml");
    let kept: Vec<_> = text
        .lines()
        .filter(|line| !line.contains("_pin_file"))
        .collect();
    room.write("environment.toml", &(kept.join("\n") + "\n"));
    let steps = ["token-init", "generate", "restore", "enrol-site", "issue"];
    room.recipe("recipe.toml", &steps, "");
    let mut people = People::default();
    let (told, status) = people.run(&room, "recipe.toml");
    assert_eq!(status, 0, "{told}");
    assert!(
        told.contains("The transcript is closed and signed"),
        "{told}"
    );
    assert_eq!(people.sheets.len(), 3);
    assert_eq!(people.actions.len(), 16, "{:?}", people.actions);
    let told_lek = told
        .lines()
        .filter(|line| line.contains("LEK: check value "));
    assert_eq!(told_lek.count(), 2, "generated and restored: {told}");
    good(&room.verify_transcript());
    nothing_secret_is_kept(&room, &people);
    let transcript = room.text("out/transcript.jsonl");
    assert!(
        transcript.contains("\"bag\":\"CUSTODIAN-B\""),
        "{transcript}"
    );

    // The sites answer, the custodians take their receipts.
    for site in ["clinic", "hospital"] {
        room.accept(site);
    }
    let receipts = ["clinic/receipt.note", "hospital/receipt.note"];
    let text = room.text("environment.toml");
    room.write(
        "environment.toml",
        &text.replace(
            "present = [\"custodian-a\", \"custodian-b\"]",
            "present = []",
        ),
    );
    let (told, status) = people.verb(&room, &[&["receipt"], &receipts[..]].concat());
    assert_eq!(status, 0, "{told}");
    assert!(told.contains("enrolled hospital"), "{told}");

    // Years later: the end of the epoch.
    room.recipe("destroy.toml", &["destroy"], "");
    people.actions.clear();
    let (told, status) = people.run(&room, "destroy.toml");
    assert_eq!(status, 0, "{told}");
    assert!(
        told.contains("Deletion statements of sites: 0 of 2"),
        "{told}"
    );
    assert!(room.at("out/destruction.signed").exists());
    good(&room.verify_transcript());
}

/// Neither PIN nor share in anything that is on disk afterwards, but for the tokens themselves.
fn nothing_secret_is_kept(room: &Room, people: &People) {
    let mut text = String::new();
    for line in room.fingerprint().lines() {
        let path = line.rsplit_once(' ').expect("a path").0;
        text.push_str(&String::from_utf8_lossy(
            &std::fs::read(path).expect("reads"),
        ));
    }
    assert!(!room.at("out/shares").exists());
    assert!(!text.contains("only-for-"), "a PIN");
    for sheet in people.sheets.values() {
        assert!(!text.contains(sheet.as_str()), "a share");
    }
}

/// Breaks, remarks, a killed run: the same people go on.
#[test]
fn a_room_has_a_break_and_goes_on() {
    let room = Room::new();
    let mut people = People {
        hash: first_groups(&room.bytes("recipe.toml")),
        ..People::default()
    };
    let place = [
        "--environment",
        "environment.toml",
        "--out",
        "out",
        "--language",
        "en",
    ];
    let run = [&["run", "--recipe", "recipe.toml"], &place[..]].concat();
    let mut terminal = Terminal::start(&room, &run);
    for name in ["custodian-a", "custodian-b", "custodian-c"] {
        terminal.expect(&format!("{name}: type the first 4 groups"));
        terminal.send(if name == "custodian-b" {
            ""
        } else {
            &people.hash
        });
    }
    terminal.expect(ASK_GO);
    terminal.send("exception");
    terminal.expect("who decided what?");
    terminal.send("the clock was one minute late");
    terminal.expect(ASK_GO);
    terminal.send("yes");
    terminal.expect("Press Enter alone");
    terminal.expect(ASK_GO);
    terminal.send("");
    terminal.expect("done: token-init custody");
    terminal.expect(ASK_GO);
    terminal.send("break");
    terminal.expect("who decided what?");
    terminal.send("lunch");
    let (told, status) = terminal.end();
    assert_eq!(status, 75, "{told}");
    let (told, status) = people.verb(&room, &["resume"]);
    assert_eq!(status, 0, "{told}");
    assert!(
        told.contains("Found: 1 of 15 actions are finished. Next: token-init appliance."),
        "{told}"
    );
    let told = good(&room.verify_transcript());
    assert!(told.contains("EXCEPTION"), "{told}");
    let transcript = room.text("out/transcript.jsonl");
    assert!(transcript.contains("one minute late") && transcript.contains("lunch"));
}

/// Wrong hashes, wrong words and a hasty "y" are stopped, and the room goes on from there.
#[test]
fn wrong_hands_are_stopped() {
    let room = Room::new();
    let mut people = People {
        hash: "0000 0000 0000 0000".to_owned(),
        ..People::default()
    };
    let (told, status) = people.verb(&room, &["run", "--recipe", "recipe.toml"]);
    assert_eq!(status, 77, "{told}");
    assert!(
        told.contains("error [NOT_CONFIRMED]: the recipe, by custodian-a,"),
        "{told}"
    );
    assert_eq!(
        told.matches("That is not the hash of this recipe").count(),
        5
    );
    assert!(!room.at("out").exists(), "nothing was changed");

    // No word of the list; a word of the list that is not the sheet's; then right.
    people.slips = vec![(4, "zoo"), (4, "misprint")];
    people.hasty = true;
    let (told, status) = people.run(&room, "recipe.toml");
    assert_eq!(status, 77, "{told}");
    assert!(told.contains("Word 5 is not on the list"), "{told}");
    assert!(
        told.contains("Word 5 is mistaken for another word"),
        "{told}"
    );
    assert!(
        told.contains("error [NOT_CONFIRMED]: enrol clinic was not confirmed"),
        "{told}"
    );
    let (told, status) = people.verb(&room, &["resume"]);
    assert_eq!(status, 0, "{told}");
    good(&room.verify_transcript());
    nothing_secret_is_kept(&room, &people);
    // A sheet that is found years later is compared without a token.
    let verify = [
        "verify-share",
        "--out",
        "out",
        "--language",
        "en",
        "--custodian",
    ];
    let arguments = [&verify[..], &["custodian-b"]].concat();
    let mut terminal = Terminal::start(&room, &arguments);
    people.answer(&mut terminal);
    let (told, status) = terminal.end();
    assert_eq!(status, 0, "{told}");
    assert!(told.contains("the share of custodian-b is right"), "{told}");
}

/// The same screens in Japanese, and every wrong word and hash named.
#[test]
fn a_japanese_room_types_digits_and_every_slip_is_named() {
    let room = Room::new();
    let hash = first_groups(&room.bytes("recipe.toml"));
    let run = [
        "run",
        "--recipe",
        "recipe.toml",
        "--environment",
        "environment.toml",
        "--out",
        "out",
        "--language",
        "ja",
    ];
    let mut terminal = Terminal::start(&room, &run);
    terminal.expect("手順書ハッシュ値の最初の 4 組");
    terminal.send("0000 0000 0000 0000");
    terminal.expect("一致しません");
    for answer in [hash.as_str(), hash.as_str(), ""] {
        terminal.expect("手順書ハッシュ値の最初の 4 組");
        terminal.send(answer);
    }
    let mut sheets = Vec::new();
    for _ in 0..5 {
        terminal.expect("Enter で続行");
        terminal.send("");
    }
    for _ in 0..3 {
        terminal.expect("Enter で表示します");
        terminal.send("");
        terminal.expect("表示は一度だけです。");
        let screen = terminal.expect("書き取りと照合が済んだら");
        terminal.send("");
        let groups = screen
            .lines()
            .filter_map(|line| line.split_whitespace().nth(1));
        let groups: Vec<_> = groups.map(str::to_owned).collect();
        assert_eq!(groups.len(), 20, "{screen}");
        sheets.push(groups);
    }
    type_with_slips(&mut terminal, &sheets);
    for _ in &sheets {
        terminal.expect("封印袋の番号");
        terminal.send("");
    }
    terminal.expect("完了: backup");
    terminal.expect("Enter で続行");
    terminal.send("中止");
    terminal.expect("いずれかを入力してください");
    terminal.expect("Enter で続行");
    terminal.send("abort");
    terminal.expect("誰が何を決めましたか");
    terminal.send("訓練を終える");
    terminal.expect("作りかけの鍵を破棄しました: lek");
    let (told, status) = terminal.end();
    assert_eq!(status, 1, "{told}");
    assert!(told.contains("error [ABORTED]"), "{told}");
    assert!(told.contains("  中止しました。"), "{told}");
    for sheet in &sheets {
        let typed = told.matches(&sheet.join(" ")).count();
        assert_eq!(typed, 0, "typed shares are not shown");
    }
}

/// One digit wrong, one group missing, another custodian's sheet, and then the right one.
fn type_with_slips(terminal: &mut Terminal, sheets: &[Vec<String>]) {
    let share = "用紙の分割鍵を";
    terminal.expect(share);
    let mut slip = sheets[0].clone();
    let last = slip[6].pop().expect("a digit");
    slip[6].push(if last == '0' { '1' } else { '0' });
    terminal.send(&slip.join(" "));
    terminal.expect("7 番目の組が正しくありません");
    terminal.expect(share);
    terminal.send(&sheets[0][..19].join(" "));
    terminal.expect("19 個入力されましたが、分割鍵は 20 個です");
    terminal.expect(share);
    terminal.send(&sheets[1].join(" "));
    terminal.expect("一致しません");
    for sheet in sheets {
        terminal.expect(share);
        let wide = |c: char| match c {
            ' ' => '\u{3000}',
            digit => char::from_u32(u32::from(digit) + 0xfee0).expect("a wide digit"),
        };
        terminal.send(&sheet.join(" ").chars().map(wide).collect::<String>());
        terminal.expect("正しく入力されました");
    }
}
