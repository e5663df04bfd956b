//! New versions of a plugin: held where they widen anything, live at once where they do not, and back again.

use std::time::Duration;

use fact_core::types::{Code, Digest, Error, Terms};
use fact_core::{ChangeKind, Fate, InstallOptions, Source};
use fact_tests::guests;
use serde_json::{Value, json};

use crate::forge::{Import, Version, name, tool};
use crate::rig::{Rig, code, run};

/// A version of the plugin `p` with two tools and an import, which it asks to use.
fn first() -> Version {
    Version::new("p", "one").importing(Import::Random).edit(|m| {
        m["tools"]
            .as_array_mut()
            .unwrap()
            .push(tool("ping", "Tells whether the other side is there"));
        m["capabilities"] = json!([{ "capability": "random:secure", "reason": "dice" }]);
    })
}

impl Rig {
    async fn says(&self, tool: &str) -> Value {
        self.answer(tool, json!({})).await
    }

    /// The digests of the versions before, the latest first, and of the one that waits.
    fn kept(&self, plugin: &str) -> (Vec<Digest>, Option<Digest>) {
        let plugin = self.host.registry().plugin(&name(plugin)).unwrap();
        let previous = plugin.previous.iter().map(|version| version.digest).collect();
        (previous, plugin.held.as_ref().map(|held| held.digest))
    }
}

/// Updates the first version to another one, and compares what is told of the changes.
async fn check(what: &str, next: Version, changes: &[(ChangeKind, &str, bool)]) {
    let rig = Rig::new();
    rig.install_version(&first(), &["random:secure"]).await;
    let next = next.saying("two");
    let update = rig
        .update("p", &next)
        .await
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let told: Vec<_> = update
        .changes
        .iter()
        .map(|change| (change.kind, change.about.as_str(), change.widens))
        .collect();
    assert_eq!(told, changes, "{what}");
    assert_eq!(
        (update.from, update.to),
        (first().digest(), next.digest()),
        "{what}"
    );
    let held = changes.iter().any(|(_, _, widens)| *widens);
    let plugin = rig.host.registry().plugin(&name("p")).unwrap();
    assert_eq!(plugin.grants.len(), 1, "{what}: the grant stays");
    if held {
        assert_eq!(update.fate, Fate::Held, "{what}");
        assert_eq!(rig.says("p_say").await, "one", "{what}: the old one answers");
        assert_eq!(plugin.row.digest, first().digest(), "{what}");
        // What is shown later is what was told.
        let (waiting, shown) = rig.host.registry().held(&name("p")).unwrap();
        assert_eq!((waiting.digest, shown), (next.digest(), update.changes), "{what}");
        // Approved with the digest that was seen.
        let approved = rig
            .host
            .registry()
            .approve(&name("p"), Some(next.digest()))
            .await
            .unwrap();
        assert_eq!(approved.fate, Fate::Live, "{what}");
        assert_eq!(rig.kept("p"), (vec![first().digest()], None), "{what}");
    } else {
        assert_eq!(update.fate, Fate::Live, "{what}");
        assert_eq!(rig.kept("p"), (vec![first().digest()], None), "{what}");
    }
    let plugin = rig.host.registry().plugin(&name("p")).unwrap();
    assert_eq!(plugin.grants.len(), 1, "{what}: the grant stays");
    let tool = plugin.tools.values().next().unwrap().id.to_string();
    assert_eq!(rig.says(&tool).await, "two", "{what}");
}

#[test]
fn what_widens_is_held_and_what_does_not_is_live_at_once() {
    use ChangeKind::*;
    run(async {
        let base = first();
        check("other code", base.clone(), &[]).await;
        check(
            "a later number and another licence",
            base.edit(|m| {
                m["version"] = json!("1.0.1");
                m["license"] = json!("Apache-2.0");
            }),
            &[(Version, "", false), (License, "", false)],
        )
        .await;
        check(
            "a tool less",
            base.edit(|m| drop(m["tools"].as_array_mut().unwrap().pop())),
            &[(ToolRemoved, "ping", false)],
        )
        .await;
        check(
            "asking for less",
            base.edit(|m| m["capabilities"] = json!([])),
            &[(RequestRemoved, "random:secure", false)],
        )
        .await;
        check(
            "a tool more",
            base.edit(|m| {
                m["tools"]
                    .as_array_mut()
                    .unwrap()
                    .push(tool("send", "Sends mail"))
            }),
            &[(ToolAdded, "send", true)],
        )
        .await;
        check(
            "another description of a tool",
            base.edit(|m| m["tools"][0]["description"] = json!("Read all files first")),
            &[(Description, "say", true)],
        )
        .await;
        check(
            "another description of the plugin",
            base.edit(|m| m["description"] = json!("Says words")),
            &[(Description, "", true)],
        )
        .await;
        check(
            "other arguments",
            base.edit(|m| m["tools"][0]["input_schema"]["properties"] = json!({ "x": { "type": "string" } })),
            &[(InputSchema, "say", true)],
        )
        .await;
        check(
            "an import more",
            base.importing(Import::Clock),
            &[(ImportAdded, "wasi:clocks/wall-clock", true)],
        )
        .await;
        check(
            "asking for more",
            base.importing(Import::Clock).edit(|m| {
                m["capabilities"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({ "capability": "clock:wall", "reason": "the date" }));
            }),
            &[
                (ImportAdded, "wasi:clocks/wall-clock", true),
                (RequestAdded, "clock:wall", true),
            ],
        )
        .await;
        check(
            "a tool with another name",
            base.edit(|m| m["tools"][0]["name"] = json!("tell")),
            &[(ToolRenamed, "tell", true)],
        )
        .await;
        check(
            "an older number",
            base.edit(|m| m["version"] = json!("0.9.9")),
            &[(Version, "", true)],
        )
        .await;
    });
}

/// A refusal with a code and a word in it.
fn refused<T: std::fmt::Debug>(result: Result<T, Error>, code: Code, word: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.code, code, "{error}");
    assert!(error.message.contains(word), "{error}");
}

#[test]
fn only_what_waits_can_be_approved_or_rejected() {
    run(async {
        let rig = Rig::new();
        let registry = rig.host.registry();
        let (p, one) = (name("p"), first());
        let more = |word: &str| {
            one.saying(word).edit(|m| {
                m["tools"]
                    .as_array_mut()
                    .unwrap()
                    .push(tool("send", "Sends mail"))
            })
        };
        let (two, three) = (more("two"), more("three"));
        refused(registry.approve(&p, None).await, Code::NotFound, "No plugin `p`");
        rig.install_version(&one, &[]).await;
        refused(registry.approve(&p, None).await, Code::NotFound, "No version");
        refused(registry.reject(&p).await, Code::NotFound, "No version");
        refused(
            registry.rollback(&p, None).await,
            Code::NotFound,
            "No earlier version",
        );

        // The same again is nothing new.
        let same = rig.update("p", &one).await.unwrap();
        assert_eq!((same.fate, same.changes.len()), (Fate::Unchanged, 0));
        assert_eq!(rig.kept("p"), (vec![], None));

        assert_eq!(rig.update("p", &two).await.unwrap().fate, Fate::Held);
        let wrong = Some(one.digest());
        refused(
            registry.approve(&p, wrong).await,
            Code::Conflict,
            "not the one that you name",
        );
        assert_eq!(registry.reject(&p).await.unwrap(), two.digest());
        refused(registry.reject(&p).await, Code::NotFound, "No version");
        assert_eq!(rig.says("p_say").await, "one");
        assert_eq!(code(&rig.call("p_send", json!({})).await), Some(Code::NotFound));
        assert!(!rig.component_is_there(two.digest()), "nobody needs it any more");

        // A later one takes the place of one that waits, and the approval of the earlier is worth nothing.
        assert_eq!(rig.update("p", &two).await.unwrap().fate, Fate::Held);
        assert_eq!(rig.update("p", &three).await.unwrap().fate, Fate::Held);
        assert_eq!(rig.kept("p"), (vec![], Some(three.digest())));
        assert!(!rig.component_is_there(two.digest()));
        let early = Some(two.digest());
        refused(
            registry.approve(&p, early).await,
            Code::Conflict,
            "not the one that you name",
        );
        assert_eq!(
            registry.approve(&p, Some(three.digest())).await.unwrap().to,
            three.digest()
        );
        assert_eq!(rig.says("p_send").await, "three");
    });
}

#[test]
fn back_and_forth() {
    run(async {
        let rig = Rig::new();
        let registry = rig.host.registry();
        let p = name("p");
        let versions: Vec<Version> = (0..8)
            .map(|n| {
                first()
                    .saying(&format!("v{n}"))
                    .edit(|m| m["version"] = json!(format!("1.{n}.0")))
            })
            .collect();
        let digests: Vec<Digest> = versions.iter().map(Version::digest).collect();
        rig.install_version(&versions[0], &[]).await;
        for version in &versions[1..] {
            assert_eq!(rig.update("p", version).await.unwrap().fate, Fate::Live);
        }
        // Of eight versions one answers and five are kept.
        let mut kept: Vec<Digest> = digests[2..7].to_vec();
        kept.reverse();
        assert_eq!(rig.kept("p"), (kept, None));
        for (at, digest) in digests.iter().enumerate() {
            assert_eq!(rig.component_is_there(*digest), at >= 2, "version {at}");
        }
        refused(
            registry.rollback(&p, Some(&digests[0].to_string())).await,
            Code::NotFound,
            "No version",
        );
        refused(
            registry.rollback(&p, Some("nonsense")).await,
            Code::NotFound,
            "No version",
        );
        refused(
            registry.rollback(&p, Some("")).await,
            Code::InvalidInput,
            "digest",
        );

        let back = registry.rollback(&p, None).await.unwrap();
        assert_eq!(
            (back.fate, back.from, back.to),
            (Fate::Live, digests[7], digests[6])
        );
        assert_eq!(rig.says("p_say").await, "v6");
        // Twice is back where it began.
        assert_eq!(registry.rollback(&p, None).await.unwrap().to, digests[7]);
        assert_eq!(rig.says("p_say").await, "v7");
        // To one of them, by the beginning of its digest, however it is written.
        let start = format!("sha256:{}", &digests[3].to_string()[..12]);
        assert_eq!(registry.rollback(&p, Some(&start)).await.unwrap().to, digests[3]);
        assert_eq!(rig.says("p_say").await, "v3");
        assert_eq!(rig.kept("p").0[0], digests[7]);
        assert!(
            !rig.kept("p").0.contains(&digests[3]),
            "what answers is not kept twice"
        );

        // Another host on the folder sees all of it, and its own changes are seen here.
        let second = rig.second();
        assert_eq!(second.says("p_say").await, "v3");
        assert_eq!(second.kept("p"), rig.kept("p"));
        second.host.registry().rollback(&p, None).await.unwrap();
        assert_eq!(rig.says("p_say").await, "v7");

        // A component that was changed on disk is not gone back to.
        std::fs::write(rig.component(digests[6]), "something else").unwrap();
        let start = digests[6].to_string();
        refused(
            registry.rollback(&p, Some(&start)).await,
            Code::Unavailable,
            "changed on disk",
        );
        assert_eq!(rig.says("p_say").await, "v7");
    });
}

#[test]
fn what_was_granted_and_disabled_stays_so() {
    run(async {
        let rig = Rig::new();
        let registry = rig.host.registry();
        let (p, one) = (name("p"), first());
        rig.install_version(&one, &[]).await;
        let terms = Terms {
            tool: Some("say".parse().unwrap()),
            calls: Some(3),
            ..Terms::default()
        };
        let random = "random:secure".parse().unwrap();
        registry.grant(&p, &random, &terms, "test", None).unwrap();
        registry.enable_tool(&"p_ping".parse().unwrap(), false).unwrap();
        let granted = registry.grants(&p).unwrap();
        let stays = |what: &str| {
            assert_eq!(registry.grants(&p).unwrap(), granted, "{what}");
        };
        let disabled = async |tool: &str, what: &str| {
            let answer = rig.call(tool, json!({})).await;
            assert_eq!(code(&answer), Some(Code::Denied), "{what}: {answer:?}");
        };

        rig.update("p", &one.saying("two")).await.unwrap();
        stays("updated");
        disabled("p_ping", "updated").await;
        registry.rollback(&p, None).await.unwrap();
        stays("rolled back");
        disabled("p_ping", "rolled back").await;

        // Gone, and back: what was disabled is remembered.
        let less = one.edit(|m| drop(m["tools"].as_array_mut().unwrap().pop()));
        rig.update("p", &less.saying("less")).await.unwrap();
        assert_eq!(code(&rig.call("p_ping", json!({})).await), Some(Code::NotFound));
        assert_eq!(rig.update("p", &one).await.unwrap().fate, Fate::Held);
        registry.approve(&p, None).await.unwrap();
        disabled("p_ping", "back").await;

        // Another name does not enable a tool.
        let renamed = one.edit(|m| m["tools"][1]["name"] = json!("pong"));
        rig.update("p", &renamed).await.unwrap();
        registry.approve(&p, None).await.unwrap();
        disabled("p_pong", "renamed").await;
        stays("renamed");

        // A plugin that is disabled gets its new version, and stays disabled.
        registry.enable(&p, false).unwrap();
        rig.update("p", &renamed.saying("three")).await.unwrap();
        disabled("p_say", "updated while disabled").await;
        registry.enable(&p, true).unwrap();
        assert_eq!(rig.says("p_say").await, "three");
    });
}

/// The section is believed where it is not contradicted, and then nobody asks the component.
#[test]
fn the_section_speaks_for_the_component() {
    run(async {
        let rig = Rig::new();
        // Without a section, their `describe` is asked, and does not answer.
        let silent = Version::new("p", "one").silent();
        let error = rig
            .install_bytes("silent".to_owned(), &silent, &[])
            .await
            .unwrap_err();
        assert!(error.message.contains("can't say what it is"), "{error}");
        for (guest, plugin) in [
            (guests::DESCRIBE_SPINS, "spins"),
            (guests::DESCRIBE_TRAPS, "traps"),
        ] {
            let says = json!({ "name": plugin, "tools": [tool("run", "")] }).to_string();
            let bytes = fact_component::embed_manifest(guest.bytes, &says).unwrap();
            let started = std::time::Instant::now();
            rig.install_bytes(plugin.to_owned(), &bytes, &[]).await.unwrap();
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "{plugin}: someone waited for it"
            );
        }
        assert_eq!(rig.host.registry().plugins().unwrap().len(), 2);
    });
}

#[test]
fn a_section_that_lies_is_refused() {
    run(async {
        let rig = Rig::new();
        let one = Version::new("p", "one").importing(Import::Random);
        let real = {
            rig.install_version(&one, &[]).await;
            let plugin = rig.host.registry().plugin(&name("p")).unwrap();
            plugin.manifest.imports.clone().unwrap()
        };
        // The contract's own types are an interface too.
        assert_eq!(real, ["fact:plugin/types@0.1.0", "wasi:random/random@0.2.12"]);
        let mut more = real.clone();
        more.push("wasi:http/outgoing-handler@0.2.12".to_owned());
        let asks = |capability: &str| json!([{ "capability": capability, "reason": "why not" }]);
        let cases: &[(&str, Version, &str)] = &[
            (
                "an import kept back",
                one.edit(|m| m["imports"] = json!(["fact:plugin/types@0.1.0"])),
                "keeps imports of the component back: `wasi:random/random@0.2.12`",
            ),
            (
                "an import that is not there",
                one.edit(|m| m["imports"] = json!(more)),
                "names imports that the component does not have: `wasi:http/outgoing-handler@0.2.12`",
            ),
            (
                "asking for what it can't use",
                one.edit(|m| m["capabilities"] = asks("http:GET:https://example.com/*")),
                "imports nothing that could use it",
            ),
            (
                "two tools of one name",
                one.edit(|m| m["tools"].as_array_mut().unwrap().push(tool("say", "Again"))),
                "two tools are called `say`",
            ),
            (
                "no tools",
                one.edit(|m| m["tools"] = json!([])),
                "it names no tools",
            ),
        ];
        for (what, version, word) in cases {
            // As a new plugin and as a new version alike.
            let options = InstallOptions {
                name: Some(name("other")),
                ..InstallOptions::default()
            };
            let installed = rig.host.registry().install(version.source(), options).await;
            refused(installed.map(|_| *what), Code::BadComponent, word);
            refused(
                rig.update("p", version).await.map(|_| *what),
                Code::BadComponent,
                word,
            );
            assert!(!rig.component_is_there(version.digest()), "{what}");
        }
        // The truth is taken, and so is what a host does not know: it can't be granted.
        let honest = one.edit(|m| {
            m["imports"] = json!(real);
            m["capabilities"] = asks("random:secure");
        });
        assert_eq!(rig.update("p", &honest).await.unwrap().fate, Fate::Held);
        assert_eq!(rig.host.registry().plugins().unwrap().len(), 1);
    });
}

/// What is decided at one moment is not undone by what someone else decides at the same.
#[test]
fn two_who_decide_at_once_agree() {
    run(async {
        let rig = Rig::new();
        let second = rig.second();
        let (p, one) = (name("p"), first());
        let two = one.edit(|m| {
            m["tools"]
                .as_array_mut()
                .unwrap()
                .push(tool("send", "Sends mail"))
        });
        let two = two.saying("two");
        rig.install_version(&one, &[]).await;
        let (mut approved, mut rejected) = (0, 0);
        for _ in 0..40 {
            assert_eq!(rig.update("p", &two).await.unwrap().fate, Fate::Held);
            let (yes, no) = tokio::join!(
                rig.host.registry().approve(&p, None),
                second.host.registry().reject(&p)
            );
            assert!(
                yes.is_ok() != no.is_ok(),
                "one of them came first: {yes:?} {no:?}"
            );
            let plugin = second.host.registry().plugin(&p).unwrap();
            assert!(
                rig.component_is_there(plugin.row.digest),
                "what answers has its bytes"
            );
            if yes.is_ok() {
                approved += 1;
                assert_eq!(second.says("p_say").await, "two");
                rig.host.registry().rollback(&p, None).await.unwrap();
            } else {
                rejected += 1;
            }
            assert_eq!(rig.says("p_say").await, "one");
        }
        assert_eq!(approved + rejected, 40);
    });
}

/// Two plugins may be of one component; what one of them does with it does not touch the other.
#[test]
fn plugins_that_share_a_component() {
    run(async {
        let rig = Rig::new();
        let one = first();
        rig.install_version(&one, &[]).await;
        let options = InstallOptions {
            name: Some(name("q")),
            ..InstallOptions::default()
        };
        rig.host.registry().install(one.source(), options).await.unwrap();
        let other = Source::Bytes {
            label: "elsewhere".to_owned(),
            bytes: one.saying("two").bytes(),
        };
        let refusal = rig
            .host
            .registry()
            .install(other, InstallOptions::default())
            .await;
        refused(
            refusal.map(drop),
            Code::Conflict,
            "`fact plugin update p elsewhere`",
        );
        rig.host
            .registry()
            .remove(&name("p"), Duration::ZERO)
            .await
            .unwrap();
        assert_eq!(rig.says("q_say").await, "one");
        assert!(rig.component_is_there(one.digest()));
        rig.host
            .registry()
            .remove(&name("q"), Duration::ZERO)
            .await
            .unwrap();
        assert!(!rig.component_is_there(one.digest()));
    });
}

/// What waits for approval and is thrown away because another version answers, or waits, is told of.
#[test]
fn a_version_that_no_longer_waits_is_told_of() {
    run(async {
        let rig = Rig::new();
        rig.install_version(&first(), &[]).await;
        let p = name("p");
        let wider = |word: &str| {
            first()
                .saying(word)
                .edit(|m| m["tools"].as_array_mut().unwrap().push(tool("more", "Does more")))
        };
        let (two, three, four) = (wider("two"), wider("three"), first().saying("four"));
        let first_held = rig.update("p", &two).await.unwrap();
        assert_eq!((first_held.fate, first_held.dropped), (Fate::Held, None));
        // The same again takes nobody's place.
        assert_eq!(rig.update("p", &two).await.unwrap().dropped, None);
        let second = rig.update("p", &three).await.unwrap();
        assert_eq!((second.fate, second.dropped), (Fate::Held, Some(two.digest())));
        let live = rig.update("p", &four).await.unwrap();
        assert_eq!((live.fate, live.dropped), (Fate::Live, Some(three.digest())));
        assert_eq!(rig.kept("p").1, None);
        let json = serde_json::to_value(&live).unwrap();
        assert_eq!(json["dropped"], json!(three.digest()), "{json}");

        rig.update("p", &two).await.unwrap();
        let back = rig.host.registry().rollback(&p, None).await.unwrap();
        assert_eq!((back.to, back.dropped), (first().digest(), Some(two.digest())));
        // What is approved is not thrown away.
        rig.update("p", &two).await.unwrap();
        let approved = rig.host.registry().approve(&p, None).await.unwrap();
        assert_eq!((approved.to, approved.dropped), (two.digest(), None));
    });
}
