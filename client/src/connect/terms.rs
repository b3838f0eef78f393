//! The terms on which the peers at one address are asked. Where a peer wants other terms, there is another attempt.

use super::auth::{Asker, Authorization};
use super::request::Offer;
use crate::error::Error;
use crate::log::log;
use crate::options::Options;

/// The terms of the next attempt.
pub(super) struct Terms {
    pub(super) offer: Offer,
    pub(super) server: Authorization,
    pub(super) proxy: Authorization,
}

impl Terms {
    pub(super) fn new() -> Terms {
        Terms {
            offer: Offer::AsSet,
            server: Authorization::of(Asker::Server),
            proxy: Authorization::of(Asker::Proxy),
        }
    }

    /// Returns `true` if there is to be another attempt, on a new connection, after this failure.
    pub(super) fn another_go(&mut self, failure: &Error, options: &Options, shown: &str) -> bool {
        use crate::error::Component::Http;
        let wanted = [&mut self.server, &mut self.proxy].map(Authorization::wanted_connection);
        if wanted != [false, false] {
            log!(Debug, Http, "asking for {shown} once more, on a new connection");
            return true;
        }
        let minds = self.offer == Offer::AsSet && super::request::may_mind_the_offer(failure, options);
        if minds {
            log!(Info, Http, "{shown} answered 400: asked again with the default compression");
            self.offer = Offer::Plain;
        }
        minds
    }
}
