use super::*;
use rcgen::string::{BmpString, Ia5String, PrintableString};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, DnValue, Issuer, KeyPair, PublicKeyData, SanType,
    date_time_ymd,
};

fn names(pairs: Vec<(DnType, DnValue)>) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    pairs.into_iter().for_each(|(attribute, value)| names.push(attribute, value));
    names
}

fn utf8(text: &str) -> DnValue {
    DnValue::Utf8String(text.to_owned())
}

fn custom(number: &[u64]) -> DnType {
    DnType::CustomDnType(number.to_vec())
}

/// A certificate with everything that is read, and the DER of its key.
fn certificate(change: impl FnOnce(&mut CertificateParams)) -> (Vec<u8>, Vec<u8>) {
    let mut params = CertificateParams::default();
    params.distinguished_name = names(vec![
        (DnType::CountryName, DnValue::PrintableString(PrintableString::try_from("AT").unwrap())),
        (DnType::StateOrProvinceName, utf8("Wien")),
        (DnType::LocalityName, utf8("Wien")),
        (DnType::OrganizationName, DnValue::BmpString(BmpString::try_from("Stra\u{df}e, \u{4e2d}").unwrap())),
        (DnType::OrganizationalUnitName, utf8("a=b")),
        (DnType::CommonName, utf8("feed.example.com")),
        (
            custom(&[1, 2, 840, 113549, 1, 9, 1]),
            DnValue::Ia5String(Ia5String::try_from("a@b.example").unwrap()),
        ),
        (custom(&[2, 5, 4, 5]), utf8("12 345")),
        (custom(&[1, 3, 6, 1, 4, 1, 311, 60, 2, 1, 3]), utf8("AT")),
    ]);
    params.subject_alt_names = vec![
        SanType::DnsName("feed.example.com".try_into().unwrap()),
        SanType::Rfc822Name("a@b.example".try_into().unwrap()),
        SanType::IpAddress([192, 0, 2, 1].into()),
        SanType::IpAddress("2001:db8::1".parse().unwrap()),
    ];
    params.not_before = date_time_ymd(1970, 1, 2);
    params.not_after = date_time_ymd(2100, 3, 1);
    change(&mut params);
    let mut authority = CertificateParams::default();
    authority.distinguished_name = names(vec![(DnType::CommonName, utf8("an authority"))]);
    let issuer = Issuer::new(authority, KeyPair::generate().unwrap());
    let key = KeyPair::generate().unwrap();
    let der = params.signed_by(&key, &issuer).unwrap().der().to_vec();
    (der, key.subject_public_key_info())
}

#[test]
fn a_certificate_says_whose_it_is_by_whom_for_how_long_and_with_which_key() {
    let (der, key) = certificate(|_| {});
    let fields = Fields::read(&der).unwrap();
    assert_eq!(
        fields.subject().as_deref(),
        Some(
            "C=AT, ST=Wien, L=Wien, O=Stra\u{df}e, \u{4e2d}, OU=a=b, CN=feed.example.com, Email=a@b.example, \
             serialNumber=12 345, 1.3.6.1.4.1.311.60.2.1.3=AT"
        )
    );
    assert_eq!(fields.issuer().as_deref(), Some("CN=an authority"));
    assert_eq!((fields.not_before, fields.not_after), (86_400, 4_107_542_400));
    assert_eq!(fields.key, key);
    assert_eq!(fields.alt_names().unwrap(), ["feed.example.com", "192.0.2.1", "2001:db8::1"]);
}

#[test]
fn a_certificate_without_names_has_none() {
    let (der, _) = certificate(|params| {
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names.clear();
    });
    let fields = Fields::read(&der).unwrap();
    assert_eq!(fields.subject().as_deref(), Some(""));
    assert_eq!(fields.alt_names(), None);
}

#[test]
fn what_is_no_certificate_is_refused_and_what_is_damaged_is_read_or_refused() {
    let (der, _) = certificate(|_| {});
    for len in 0..der.len() {
        assert!(Fields::read(&der[..len]).is_none(), "{len} of {} bytes", der.len());
    }
    for at in 0..der.len() {
        for flip in [0x01, 0x20, 0x80, 0xff] {
            let mut damaged = der.clone();
            damaged[at] ^= flip;
            if let Some(fields) = Fields::read(&damaged) {
                let _ = (fields.subject(), fields.issuer(), fields.alt_names());
            }
        }
    }
    let mut longer = der;
    longer.push(0);
    assert!(Fields::read(&longer).is_none());
}

#[test]
fn times_are_those_of_the_rfc() {
    let of = |tag, text: &str| moment(AnyRef::new(tag, text.as_bytes()).unwrap());
    for (tag, text, seconds) in [
        (Tag::UtcTime, "700101000000Z", Some(0)),
        (Tag::UtcTime, "491231235959Z", Some(2_524_607_999)),
        (Tag::UtcTime, "500101000000Z", Some(-631_152_000)),
        (Tag::UtcTime, "691231235959Z", Some(-1)),
        (Tag::GeneralizedTime, "20500101000000Z", Some(2_524_608_000)),
        (Tag::GeneralizedTime, "99991231235959Z", Some(253_402_300_799)),
        (Tag::GeneralizedTime, "19000301000000Z", Some(-2_203_891_200)),
        (Tag::UtcTime, "700230000000Z", None),
        (Tag::UtcTime, "7001010000Z", None),
        (Tag::UtcTime, "700101000000+0100", None),
        (Tag::UtcTime, "70010100000\u{e9}Z", None),
        (Tag::UtcTime, "", None),
        (Tag::UtcTime, "20500101000000Z", None),
        (Tag::Utf8String, "700101000000Z", None),
    ] {
        assert_eq!(of(tag, text), seconds, "{text}");
    }
}

#[test]
fn values_that_are_no_text_are_hex_digits() {
    let shown = |tag, bytes: &[u8]| {
        let mut text = String::new();
        push_value(&mut text, AnyRef::new(tag, bytes).unwrap());
        text
    };
    assert_eq!(shown(Tag::Utf8String, &[0x61, 0xff]), "61FF");
    assert_eq!(shown(Tag::BmpString, &[0x00, 0x61, 0x00]), "006100");
    assert_eq!(shown(Tag::BmpString, &[0xd8, 0x00]), "D800");
    assert_eq!(shown(Tag::OctetString, b"a"), "61");
}
