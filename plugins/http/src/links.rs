//! The tool `extract_links`.

use crate::message;
use fact_sdk::{ToolError, tool};
use html5gum::{Token, Tokenizer};
use linkify::{LinkFinder, LinkKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use url::Url;

/// Longest text of a link that is kept: enough to know it by.
const TEXT_MAX: usize = 200;

/// Arguments of [`extract_links`].
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct ExtractLinks {
    /// Plain text, in which URLs are written out. Either this or `html`.
    // A page of a book has 2,000 characters.
    #[schemars(length(max = 50_000))]
    text: Option<String>,
    /// HTML, in which `a` and `area` elements have links. Either this or `text`.
    #[schemars(length(max = 50_000))]
    html: Option<String>,
    /// The URL of the page, against which relative links of HTML are resolved.
    #[schemars(length(max = 8192))]
    base_url: Option<String>,
}

/// The answer of [`extract_links`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Links {
    /// The links, each once, in order of appearance.
    links: Vec<Link>,
    /// How many links are here.
    count: u64,
    /// How many were left out: relative ones without a base, and others than http and https.
    skipped: u64,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Link {
    /// Where it leads, absolute.
    url: String,
    /// What it reads, in HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// Lists the http and https links in a text or in HTML: absolute, each once, in order.
///
/// Give `base_url` with HTML that has relative links.
#[tool(read_only, idempotent, title = "Extract links")]
pub(crate) fn extract_links(args: ExtractLinks) -> Result<Links, ToolError> {
    let base = args.base_url.as_deref().map(parse_base).transpose()?;
    let mut found = Found::default();
    match (args.text, args.html) {
        (Some(text), None) => from_text(&text, &mut found),
        (None, Some(html)) => from_html(&html, base, &mut found),
        _ => return Err(ToolError::invalid_input("give either `text` or `html`")),
    }
    Ok(Links {
        count: found.links.len() as u64,
        links: found.links,
        skipped: found.skipped,
    })
}

fn parse_base(text: &str) -> Result<Url, ToolError> {
    let base = Url::parse(text).ok().filter(message::is_web);
    base.ok_or_else(|| ToolError::invalid_input("`base_url` is no absolute http or https URL"))
}

#[derive(Default)]
struct Found {
    links: Vec<Link>,
    seen: HashSet<String>,
    skipped: u64,
}

impl Found {
    /// Takes a link that was not there before. Returns where it is.
    fn take(&mut self, url: Option<Url>) -> Option<usize> {
        let Some(url) = url.filter(message::is_web) else {
            self.skipped += 1;
            return None;
        };
        let url = String::from(url);
        if !self.seen.insert(url.clone()) {
            return None;
        }
        self.links.push(Link { url, text: None });
        Some(self.links.len() - 1)
    }
}

fn from_text(text: &str, found: &mut Found) {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]);
    for link in finder.links(text) {
        found.take(Url::parse(link.as_str()).ok());
    }
}

fn from_html(html: &str, mut base: Option<Url>, found: &mut Found) {
    // The link whose text is being read, if it is new, and the text.
    let mut open: Option<(Option<usize>, String)> = None;
    let mut base_seen = false;
    for Ok(token) in Tokenizer::new(html) {
        match token {
            Token::StartTag(tag) => {
                let href = tag
                    .attributes
                    .get(b"href".as_slice())
                    .map(|href| String::from_utf8_lossy(href).into_owned());
                match (&**tag.name, href) {
                    (b"base", Some(href)) if !base_seen => {
                        base_seen = true;
                        base = resolve(base.as_ref(), &href).filter(message::is_web).or(base);
                    }
                    (b"a", href) => {
                        close(&mut open, found);
                        if let Some(href) = href {
                            open = Some((found.take(resolve(base.as_ref(), &href)), String::new()));
                        }
                    }
                    (b"area", Some(href)) => drop(found.take(resolve(base.as_ref(), &href))),
                    _ => {}
                }
            }
            Token::EndTag(tag) if **tag.name == *b"a" => close(&mut open, found),
            Token::String(text) => {
                if let Some((_, read)) = &mut open {
                    read.push_str(&String::from_utf8_lossy(&text));
                }
            }
            _ => {}
        }
    }
    close(&mut open, found);
}

fn resolve(base: Option<&Url>, href: &str) -> Option<Url> {
    match base {
        Some(base) => base.join(href.trim()).ok(),
        None => Url::parse(href.trim()).ok(),
    }
}

/// Ends a link: what was read between its tags, with single blanks, is its text.
fn close(open: &mut Option<(Option<usize>, String)>, found: &mut Found) {
    let Some((Some(index), read)) = open.take() else {
        return;
    };
    let text = read.split_whitespace().collect::<Vec<_>>().join(" ");
    if let (false, Some(link)) = (text.is_empty(), found.links.get_mut(index)) {
        link.text = Some(text.chars().take(TEXT_MAX).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(text: Option<&str>, html: Option<&str>, base: Option<&str>) -> Result<Links, ToolError> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        extract_links(ExtractLinks {
            text: owned(text),
            html: owned(html),
            base_url: owned(base),
        })
    }

    #[track_caller]
    fn check(found: Result<Links, ToolError>, expected: &[(&str, &str)], skipped: u64) {
        let found = found.unwrap();
        let seen = found
            .links
            .iter()
            .map(|l| (l.url.as_str(), l.text.as_deref().unwrap_or("")));
        assert_eq!(seen.collect::<Vec<_>>(), expected);
        assert_eq!((found.count, found.skipped), (expected.len() as u64, skipped));
    }

    #[test]
    fn in_text() {
        let check = |text: &str, expected: &[&str], skipped| {
            let expected = expected.iter().map(|&url| (url, "")).collect::<Vec<_>>();
            check(links(Some(text), None, None), &expected, skipped);
        };
        check(
            "see https://a.test/x, and (http://b.test).",
            &["https://a.test/x", "http://b.test/"],
            0,
        );
        check(
            "https://a.test/1 https://A.test/1 <https://a.test/2>",
            &["https://a.test/1", "https://a.test/2"],
            0,
        );
        check("ftp://a.test/ and me@a.test", &[], 1);
        check("nothing, file.txt", &[], 0);
        check("", &[], 0);
    }

    #[test]
    fn in_html() {
        let check = |html: &str, base: Option<&str>, expected: &[(&str, &str)], skipped| {
            check(links(None, Some(html), base), expected, skipped);
        };
        check(
            r#"<a href="https://a.test/">A <b>bold</b>  link</a>"#,
            None,
            &[("https://a.test/", "A bold link")],
            0,
        );
        check(
            "<A HREF=/x?a=1&amp;b=2>x</A>",
            Some("https://a.test/y/"),
            &[("https://a.test/x?a=1&b=2", "x")],
            0,
        );
        check(
            r#"<a href="z">z</a><a href="../z">again</a>"#,
            Some("https://a.test/y/"),
            &[("https://a.test/y/z", "z"), ("https://a.test/z", "again")],
            0,
        );
        check(
            r#"<base href="/b/"><a href="z">z</a>"#,
            Some("https://a.test/"),
            &[("https://a.test/b/z", "z")],
            0,
        );
        check(
            r#"<a href="z">z</a><a href="javascript:alert(1)">j</a><a href="mailto:m@a.test">m</a>"#,
            None,
            &[],
            3,
        );
        check(
            r#"<!-- <a href="https://a.test/">no</a> --><a>no</a><area href="https://b.test">"#,
            None,
            &[("https://b.test/", "")],
            0,
        );
        check(
            r#"<a href="https://a.test/">one<a href="https://b.test/">two"#,
            None,
            &[("https://a.test/", "one"), ("https://b.test/", "two")],
            0,
        );
    }

    #[test]
    fn one_of_the_two() {
        for (text, html, base) in [
            (None, None, None),
            (Some("a"), Some("b"), None),
            (Some("a"), None, Some("a.test")),
            (Some("a"), None, Some("file:///")),
        ] {
            assert!(links(text, html, base).is_err(), "{text:?} {html:?} {base:?}");
        }
    }
}
