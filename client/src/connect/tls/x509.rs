//! The few fields of an X.509 certificate (RFC 5280 §4.1) that are shown to people, or compared with a pin: where they
//! are in its DER. Nothing here decides whether a certificate is to be trusted.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{DateTime, Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use std::fmt::Write;
use std::net::IpAddr;

/// The fields of a certificate, as they are in its DER.
pub(super) struct Fields<'a> {
    issuer: AnyRef<'a>,
    subject: AnyRef<'a>,
    /// In seconds since 1970.
    pub(super) not_before: i64,
    /// In seconds since 1970.
    pub(super) not_after: i64,
    /// The whole SubjectPublicKeyInfo.
    pub(super) key: &'a [u8],
    extensions: Option<AnyRef<'a>>,
}

/// The names of attributes that certificates have in practice, as RFC 4514 or X.520 writes them; the others are written
/// as numbers.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "surname"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "streetAddress"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.13", "description"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.41", "name"),
    ("2.5.4.42", "givenName"),
    ("2.5.4.43", "initials"),
    ("2.5.4.44", "generationQualifier"),
    ("2.5.4.46", "dnQualifier"),
    ("2.5.4.97", "organizationIdentifier"),
    ("0.9.2342.19200300.100.1.1", "uid"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "Email"),
];

const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

const EXTENSIONS: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(3) };
const VERSION: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };
const DNS_NAME: Tag = Tag::ContextSpecific { constructed: false, number: TagNumber(2) };
const IP_ADDRESS: Tag = Tag::ContextSpecific { constructed: false, number: TagNumber(7) };

impl<'a> Fields<'a> {
    /// `None` for what is no X.509 certificate.
    pub(super) fn read(der: &'a [u8]) -> Option<Fields<'a>> {
        let mut certificate = inside(AnyRef::from_der(der).ok()?)?;
        let mut fields = inside(next(&mut certificate)?)?;
        if Tag::peek(&fields).ok()? == VERSION {
            next(&mut fields)?;
        }
        let _serial_number = next(&mut fields)?;
        let _signature_algorithm = next(&mut fields)?;
        let issuer = next(&mut fields)?;
        let mut validity = inside(next(&mut fields)?)?;
        let (not_before, not_after) = (moment(next(&mut validity)?)?, moment(next(&mut validity)?)?);
        let subject = next(&mut fields)?;
        let key = fields.tlv_bytes().ok()?;
        // Two identifiers that nobody uses may stand before the extensions.
        let mut extensions = None;
        while !fields.is_finished() {
            let field = next(&mut fields)?;
            if field.tag() == EXTENSIONS {
                extensions = Some(field);
            }
        }
        let is_sequence = |field: AnyRef<'_>| field.tag() == Tag::Sequence;
        (is_sequence(issuer) && is_sequence(subject) && key.first() == Some(&0x30)).then_some(Fields {
            issuer,
            subject,
            not_before,
            not_after,
            key,
            extensions,
        })
    }

    /// Whose certificate it is: `CN=feed.example.com, O=Example`.
    pub(super) fn subject(&self) -> Option<String> {
        name(self.subject)
    }

    /// By whom it was issued, written alike.
    pub(super) fn issuer(&self) -> Option<String> {
        name(self.issuer)
    }

    /// The host names and IP addresses of subjectAltName, in order.
    pub(super) fn alt_names(&self) -> Option<Vec<String>> {
        let mut extensions = inside(next(&mut reader(self.extensions?)?)?)?;
        while !extensions.is_finished() {
            let mut extension = inside(next(&mut extensions)?)?;
            let is_wanted = next(&mut extension)?.decode_as::<ObjectIdentifier>().ok()? == SUBJECT_ALT_NAME;
            // Whether it is critical, which is left out where it is not, and then the value.
            let mut value = next(&mut extension)?;
            if value.tag() == Tag::Boolean {
                value = next(&mut extension)?;
            }
            if is_wanted {
                return general_names(AnyRef::from_der(value.value()).ok()?);
            }
        }
        None
    }
}

fn reader(value: AnyRef<'_>) -> Option<SliceReader<'_>> {
    SliceReader::new(value.value()).ok()
}

/// What is in a sequence.
fn inside(value: AnyRef<'_>) -> Option<SliceReader<'_>> {
    (value.tag() == Tag::Sequence).then(|| reader(value))?
}

fn next<'a>(from: &mut SliceReader<'a>) -> Option<AnyRef<'a>> {
    AnyRef::decode(from).ok()
}

fn general_names(names: AnyRef<'_>) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut names = inside(names)?;
    while !names.is_finished() {
        let name = next(&mut names)?;
        match (name.tag(), name.value()) {
            (DNS_NAME, name) if name.is_ascii() => found.push(String::from_utf8_lossy(name).into_owned()),
            (IP_ADDRESS, bytes) => found.extend(address(bytes).map(|address| address.to_string())),
            _ => {}
        }
    }
    Some(found)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// A sequence of sets of pairs: attribute and value.
fn name(name: AnyRef<'_>) -> Option<String> {
    let mut text = String::new();
    let mut sets = inside(name)?;
    while !sets.is_finished() {
        let mut pairs = reader(next(&mut sets)?)?;
        let mut separator = ", ";
        while !pairs.is_finished() {
            let mut pair = inside(next(&mut pairs)?)?;
            let attribute = next(&mut pair)?.decode_as::<ObjectIdentifier>().ok()?.to_string();
            let known = ATTRIBUTES.iter().find(|(number, _)| *number == attribute);
            if !text.is_empty() {
                text += separator;
            }
            separator = " + ";
            let _ = write!(text, "{}=", known.map_or(attribute.as_str(), |(_, name)| name));
            push_value(&mut text, next(&mut pair)?);
        }
    }
    Some(text)
}

/// A text as it is; what is none, in hex digits.
fn push_value(text: &mut String, value: AnyRef<'_>) {
    let bytes = value.value();
    let words = match value.tag() {
        Tag::NumericString
        | Tag::VisibleString
        | Tag::PrintableString
        | Tag::GeneralString
        | Tag::TeletexString
        | Tag::VideotexString
        | Tag::Utf8String
        | Tag::Ia5String => str::from_utf8(bytes).ok().map(str::to_owned),
        Tag::BmpString if bytes.len().is_multiple_of(2) => {
            let units: Vec<u16> =
                bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).ok()
        }
        _ => None,
    };
    match words {
        Some(words) => *text += &words,
        None => bytes.iter().for_each(|byte| {
            let _ = write!(text, "{byte:02X}");
        }),
    }
}

/// A time (RFC 5280 §4.1.2.5), in seconds since 1970.
fn moment(time: AnyRef<'_>) -> Option<i64> {
    let (century, digits) = match (time.tag(), time.value()) {
        (Tag::UtcTime, [decade, ..]) if *decade >= b'5' => ("19", time.value()),
        (Tag::UtcTime, _) => ("20", time.value()),
        (Tag::GeneralizedTime, _) => ("", time.value()),
        _ => return None,
    };
    let text = format!("{century}{}", str::from_utf8(digits).ok()?.strip_suffix('Z')?);
    if text.len() != "YYYYMMDDhhmmss".len() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let two = |at: usize| text[at..at + 2].parse::<u8>().ok();
    let year = text[..4].parse::<u16>().ok()?;
    seconds(year, |year| DateTime::new(year, two(4)?, two(6)?, two(8)?, two(10)?, two(12)?).ok())
}

/// The calendar repeats itself after 400 years, and `DateTime` begins in 1970.
fn seconds(year: u16, at: impl FnOnce(u16) -> Option<DateTime>) -> Option<i64> {
    const YEARS: u16 = 2000;
    const SECONDS: i64 = (YEARS / 400) as i64 * 146_097 * 24 * 60 * 60;
    let is_early = year < 1970;
    let moved = at(if is_early { year + YEARS } else { year })?;
    let seconds = i64::try_from(moved.unix_duration().as_secs()).ok()?;
    Some(if is_early { seconds - SECONDS } else { seconds })
}

#[cfg(test)]
mod tests;
