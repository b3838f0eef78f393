use super::super::accept_none;
use super::*;

const DEFAULT: Config = Config {
    client_max_window_bits: 15,
    server_max_window_bits: 15,
    client_context_takeover: true,
    server_context_takeover: true,
};

const AS_OFFERED: Params = Params {
    client_window_bits: 15,
    server_window_bits: 15,
    client_context_takeover: true,
    server_context_takeover: true,
};

fn agreed(value: &str, config: Config) -> Params {
    match accept(&[value], &config) {
        Ok(Some(params)) => params,
        other => panic!("{value:?} after {:?}: {other:?}", offer(&config)),
    }
}

fn refused(value: &str, config: Config, why: Refusal) {
    assert_eq!(accept(&[value], &config), Err(why), "{value:?} after {:?}", offer(&config));
}

/// An answer that consists of one parameter.
fn parameter(parameter: &str) -> String {
    format!("permessage-deflate; {parameter}")
}

#[test]
fn the_offer_lets_the_server_choose_our_window_and_asks_for_what_is_not_the_default() {
    assert_eq!(offer(&DEFAULT), "permessage-deflate; client_max_window_bits");
    let all = Config {
        client_max_window_bits: 8,
        server_max_window_bits: 14,
        client_context_takeover: false,
        server_context_takeover: false,
    };
    assert_eq!(
        offer(&all),
        "permessage-deflate; client_max_window_bits=8; server_max_window_bits=14; \
         client_no_context_takeover; server_no_context_takeover"
    );
    assert_eq!(Config::default(), DEFAULT);
}

#[test]
fn no_header_is_no_compression_and_the_bare_name_is_what_was_offered() {
    assert_eq!(accept(&[], &DEFAULT), Ok(None));
    assert_eq!(agreed("permessage-deflate", DEFAULT), AS_OFFERED);
    let narrow = Config { client_max_window_bits: 10, client_context_takeover: false, ..DEFAULT };
    let params = Params { client_window_bits: 10, client_context_takeover: false, ..AS_OFFERED };
    assert_eq!(agreed("permessage-deflate", narrow), params);
}

#[test]
fn the_server_may_choose_windows_and_give_up_takeover_unasked() {
    for bits in 8..=15 {
        let params = agreed(&parameter(&format!("client_max_window_bits={bits}")), DEFAULT);
        assert_eq!(params, Params { client_window_bits: bits, ..AS_OFFERED });
        let params = agreed(&parameter(&format!("server_max_window_bits={bits}")), DEFAULT);
        assert_eq!(params, Params { server_window_bits: bits, ..AS_OFFERED });
    }
    let params = agreed(&parameter("client_no_context_takeover"), DEFAULT);
    assert_eq!(params, Params { client_context_takeover: false, ..AS_OFFERED });
    let params = agreed(&parameter("server_no_context_takeover"), DEFAULT);
    assert_eq!(params, Params { server_context_takeover: false, ..AS_OFFERED });
    let params = agreed(
        "permessage-deflate;server_no_context_takeover;client_no_context_takeover;\
         server_max_window_bits=9;client_max_window_bits=11",
        DEFAULT,
    );
    let all = Params {
        client_window_bits: 11,
        server_window_bits: 9,
        client_context_takeover: false,
        server_context_takeover: false,
    };
    assert_eq!(params, all);
}

#[test]
fn hostile_6_an_extension_that_was_not_offered_is_refused_also_beside_the_one_that_was() {
    for value in [
        "x-webkit-deflate-frame",
        "permessage-bzip2; client_max_window_bits",
        "permessage-deflate, permessage-foo",
        "foo, permessage-deflate",
        "Permessage-Deflate",
        "permessage-deflat",
        "permessage-deflate2",
    ] {
        refused(value, DEFAULT, NOT_OFFERED);
    }
    assert_eq!(accept(&["permessage-deflate", "foo"], &DEFAULT), Err(NOT_OFFERED));
}

#[test]
fn hostile_6_the_extension_twice_is_refused_in_one_header_and_in_two() {
    refused("permessage-deflate, permessage-deflate", DEFAULT, TWICE);
    refused("permessage-deflate; client_max_window_bits=9, permessage-deflate", DEFAULT, TWICE);
    assert_eq!(accept(&["permessage-deflate", "permessage-deflate"], &DEFAULT), Err(TWICE));
    assert_eq!(accept(&["permessage-deflate", "", "permessage-deflate"], &DEFAULT), Err(TWICE));
}

#[test]
fn hostile_6_unknown_parameters_are_refused() {
    for name in ["foo", "foo=1", "max_window_bits=9", "Client_max_window_bits=9", "server_max_window_bits9"] {
        refused(&parameter(name), DEFAULT, UNKNOWN);
    }
}

#[test]
fn hostile_6_duplicate_parameters_are_refused_also_with_equal_values() {
    for name in [
        "client_max_window_bits=9",
        "server_max_window_bits=9",
        "client_no_context_takeover",
        "server_no_context_takeover",
    ] {
        refused(&parameter(&format!("{name}; {name}")), DEFAULT, DUPLICATE);
    }
    refused(&parameter("server_max_window_bits=9; server_max_window_bits=10"), DEFAULT, DUPLICATE);
}

#[test]
fn hostile_6_window_bits_are_a_decimal_from_8_to_15_and_nothing_else() {
    for side in ["client", "server"] {
        for bits in [
            "0",
            "7",
            "16",
            "08",
            "008",
            "015",
            "99",
            "150",
            "256",
            "264",
            "4294967304",
            "a",
            "8a",
            "0x8",
            "+9",
            "-9",
            "9.0",
        ] {
            refused(&parameter(&format!("{side}_max_window_bits={bits}")), DEFAULT, BAD_BITS);
            refused(&parameter(&format!("{side}_max_window_bits=\"{bits}\"")), DEFAULT, BAD_BITS);
        }
        // A value is wanted, by both in an answer.
        refused(&parameter(&format!("{side}_max_window_bits")), DEFAULT, BAD_BITS);
        for nothing in ["=", "= ", "=;", "=,", "=\"\""] {
            refused(&parameter(&format!("{side}_max_window_bits{nothing}")), DEFAULT, MALFORMED);
        }
    }
}

#[test]
fn a_larger_window_of_the_servers_is_taken_and_of_a_larger_one_of_ours_the_smaller_is_used() {
    for limit in 8..15 {
        let client = Config { client_max_window_bits: limit, ..DEFAULT };
        let server = Config { server_max_window_bits: limit, ..DEFAULT };
        for bits in 8..=15 {
            let for_client = parameter(&format!("client_max_window_bits={bits}"));
            let for_server = parameter(&format!("server_max_window_bits={bits}"));
            assert_eq!(agreed(&for_client, client).client_window_bits, bits.min(limit));
            assert_eq!(agreed(&for_server, server).server_window_bits, bits);
        }
        assert_eq!(agreed("permessage-deflate", client).client_window_bits, limit);
        assert_eq!(agreed("permessage-deflate", server).server_window_bits, 15);
    }
}

#[test]
fn a_server_that_keeps_its_takeover_though_it_was_asked_not_to_is_taken() {
    let asked = Config { server_context_takeover: false, ..DEFAULT };
    assert!(agreed("permessage-deflate", asked).server_context_takeover);
    assert!(agreed(&parameter("client_no_context_takeover"), asked).server_context_takeover);
    assert!(!agreed(&parameter("server_no_context_takeover"), asked).server_context_takeover);
}

#[test]
fn no_takeover_has_no_value() {
    for side in ["client", "server"] {
        for value in ["1", "true", "\"true\""] {
            refused(&parameter(&format!("{side}_no_context_takeover={value}")), DEFAULT, NEEDS_NO_VALUE);
        }
        refused(&parameter(&format!("{side}_no_context_takeover=")), DEFAULT, MALFORMED);
    }
}

#[test]
fn quoted_values_and_white_space_are_legal_where_the_grammar_has_them() {
    let ten = Params { client_window_bits: 10, ..AS_OFFERED };
    for value in [
        "permessage-deflate;client_max_window_bits=10",
        "permessage-deflate; client_max_window_bits=\"10\"",
        "permessage-deflate; client_max_window_bits=\"1\\0\"",
        " \t permessage-deflate\t;\tclient_max_window_bits \t= 10 \t",
        ", ,permessage-deflate; client_max_window_bits=10 ,\t,",
    ] {
        assert_eq!(agreed(value, DEFAULT), ten, "{value:?}");
    }
    assert_eq!(accept(&["", "permessage-deflate; client_max_window_bits=10", " "], &DEFAULT), Ok(Some(ten)));
}

#[test]
fn an_empty_list_is_none_whether_anything_was_offered_or_not() {
    for value in ["", " ", "\t", ",", " , ,"] {
        assert_eq!(accept(&[value], &DEFAULT), Ok(None), "{value:?}");
        assert_eq!(accept_none(&[value, ""]), Ok(()), "{value:?}");
    }
    assert_eq!((accept(&["", ""], &DEFAULT), accept_none(&[])), (Ok(None), Ok(())));
    assert_eq!(accept_none(&["", "permessage-deflate"]), Err(NOT_OFFERED));
}

#[test]
fn malformed_lists_are_refused() {
    for value in [
        ";",
        "=",
        "; client_max_window_bits=9",
        "permessage-deflate;",
        "permessage-deflate; ",
        "permessage-deflate;;client_max_window_bits=9",
        "permessage-deflate; =9",
        "permessage-deflate client_max_window_bits=9",
        "permessage-deflate=1",
        "permessage-deflate/1",
        "permessage-deflate; client_max_window_bits=9 9",
        "permessage-deflate; client_max_window_bits=9=9",
        "permessage-deflate; client_max_window_bits=\"9",
        "permessage-deflate; client_max_window_bits=\"9\\",
        "permessage-deflate; client_max_window_bits=\"9\"9",
        "permessage-deflate; client_max_window_bits=\" 9\"",
        "permessage-deflate; client_max_window_bits='9'x(",
        "permessage-deflate\0",
        "permessage-deflate\u{a0}",
        "permessage-deflaté",
        "\"permessage-deflate\"",
        "permessage-deflate, ;",
    ] {
        let answer = accept(&[value], &DEFAULT);
        assert!(matches!(answer, Err(MALFORMED | NOT_OFFERED | BAD_BITS)), "{value:?}: {answer:?}");
    }
}

#[test]
fn every_answer_to_every_offer_is_understood() {
    let booleans = [false, true];
    let bits: Vec<Option<u8>> = [None].into_iter().chain((8..=15).map(Some)).collect();
    for client_max_window_bits in 8..=15 {
        for server_max_window_bits in 8..=15 {
            for (client_context_takeover, server_context_takeover) in
                booleans.into_iter().flat_map(|a| booleans.map(|b| (a, b)))
            {
                let config = Config {
                    client_max_window_bits,
                    server_max_window_bits,
                    client_context_takeover,
                    server_context_takeover,
                };
                for &client in &bits {
                    for &server in &bits {
                        for (no_client, no_server) in
                            booleans.into_iter().flat_map(|a| booleans.map(|b| (a, b)))
                        {
                            let mut answer = NAME.to_owned();
                            if no_server {
                                answer += "; server_no_context_takeover";
                            }
                            if let Some(bits) = client {
                                answer += &format!("; client_max_window_bits={bits}");
                            }
                            if no_client {
                                answer += "; client_no_context_takeover";
                            }
                            if let Some(bits) = server {
                                answer += &format!("; server_max_window_bits={bits}");
                            }
                            let expected = Params {
                                client_window_bits: client.unwrap_or(15).min(client_max_window_bits),
                                server_window_bits: server.unwrap_or(15),
                                client_context_takeover: client_context_takeover && !no_client,
                                server_context_takeover: !no_server,
                            };
                            let answer = accept(&[&answer], &config);
                            assert_eq!(answer, Ok(Some(expected)));
                        }
                    }
                }
            }
        }
    }
}
