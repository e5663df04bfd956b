//! `fact init`: what it leaves behind is enough for the next command.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::fact::{Home, Ran};

/// `fact` with no variable set but these.
fn run(home: &Home, variables: &[(&str, &Path)], arguments: &[&str]) -> Ran {
    let mut command = home.command(env!("CARGO_BIN_EXE_fact"));
    command.env_remove("FACT_DATA_DIR");
    command.envs(variables.iter().copied());
    let ran = Ran::new(command.args(arguments).output().unwrap());
    assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
    ran
}

fn data_dir(home: &Home) -> String {
    let shown = run(home, &[], &["config", "show", "--json"]).out;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let settings = shown["settings"].as_array().unwrap();
    let own = settings
        .iter()
        .find(|setting| setting["key"] == "data_dir")
        .unwrap();
    own["value"].as_str().unwrap().to_owned()
}

#[test]
fn the_variable_that_named_the_data_folder_is_not_needed_again() {
    let home = Home::new();
    let (one, two) = (home.path().join("one"), home.path().join("two"));
    let made = run(&home, &[("FACT_DATA_DIR", &one)], &["init"]);
    assert!(!made.err.contains("FACT_DATA_DIR"), "{made:?}");
    assert_eq!(data_dir(&home), one.display().to_string());
    // The file that is there stays, and who names another folder is told that it does not lead there.
    let again = run(&home, &[("FACT_DATA_DIR", &two)], &["init"]);
    assert!(again.err.contains("must be there each time"), "{again:?}");
    let same = run(&home, &[("FACT_DATA_DIR", &one)], &["init"]);
    assert!(!same.err.contains("must be there each time"), "{same:?}");
    assert_eq!(data_dir(&home), one.display().to_string());
}

/// Grants, and what plugins keep, are nobody else's to read, whichever verb comes first.
#[test]
fn the_data_folder_is_its_owners() {
    for arguments in [&["init"][..], &["plugin", "list"], &["db", "seed"]] {
        let home = Home::new();
        home.ok(arguments);
        let mode = std::fs::metadata(home.path().join("data"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700, "{arguments:?}");
    }
}
