//! Names for the ids of all rules.

use crate::finding::Id;

macro_rules! ids {
    ($($name:ident = $number:literal),* $(,)?) => {
        $(
            #[doc = concat!("Id of the rule ", stringify!($name), ".")]
            pub const $name: Id = Id($number);
        )*
        #[cfg(test)]
        const ALL: &[Id] = &[$($name),*];
    };
}

ids! {
    SQ101 = 101, SQ102 = 102, SQ103 = 103, SQ104 = 104, SQ105 = 105, SQ106 = 106, SQ107 = 107,
    SQ201 = 201, SQ202 = 202, SQ203 = 203, SQ204 = 204, SQ205 = 205,
    SQ301 = 301, SQ302 = 302, SQ303 = 303, SQ304 = 304, SQ305 = 305, SQ306 = 306,
    SQ401 = 401, SQ402 = 402, SQ403 = 403,
    SQ501 = 501,
    SQ601 = 601,
    SQ901 = 901, SQ902 = 902, SQ903 = 903, SQ904 = 904, SQ905 = 905, SQ906 = 906, SQ907 = 907,
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn every_rule_has_a_name() {
        let rules = crate::rules::all().map(|rule| rule.id);
        assert_eq!(ALL, rules);
    }
}
