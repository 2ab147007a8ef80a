//! The macro that defines the list of rules and the struct with their states.

/// Lists the rules: `module { ID: RULE, … }` for each file, in the order in which they are evaluated.
///
/// It defines a constant for each id, `LIST` with all [`Rule`](super::Rule)s, and `Rules`: the states of all rules for
/// one session, whose hooks call those of each rule in the order of the list.
macro_rules! rules {
    ($($module:ident { $($id:ident: $rule:ident),+ })+) => {
        $($(
            #[doc = concat!("Id of a rule; see `seqtrace explain ", stringify!($id), "`.")]
            pub const $id: Id = $module::$rule.id;
        )+)+

        /// All rules, in the order in which they are evaluated.
        static LIST: &[&Rule] = &[$($(&$module::$rule),+),+];

        /// States of all rules for one session.
        #[derive(Debug, Default)]
        struct Rules {
            $($module: $module::State),+
        }

        impl Hooks for Rules {
            fn forget(&mut self) {
                $(self.$module.forget();)+
            }

            fn on_generation(&mut self, cx: &mut Context<'_>) {
                $(self.$module.on_generation(cx);)+
            }

            #[inline]
            fn before_start(&mut self, cx: &mut Context<'_>, start: &Returned<'_>) {
                $(self.$module.before_start(cx, start);)+
            }

            #[inline]
            fn on_start(&mut self, cx: &mut Context<'_>, start: &Returned<'_>, pass: &mut PassStart) {
                $(self.$module.on_start(cx, start, pass);)+
            }

            #[inline]
            fn before_next(&mut self, cx: &mut Context<'_>, next: &Returned<'_>) {
                $(self.$module.before_next(cx, next);)+
            }

            #[inline]
            fn on_next(&mut self, cx: &mut Context<'_>, next: &Returned<'_>) {
                $(self.$module.on_next(cx, next);)+
            }

            #[inline]
            fn on_show(&mut self, cx: &mut Context<'_>, show: &CallbackUpdate) {
                $(self.$module.on_show(cx, show);)+
            }

            #[inline]
            fn on_stop(&mut self, cx: &mut Context<'_>, stop: &Returned<'_>) {
                $(self.$module.on_stop(cx, stop);)+
            }

            #[inline]
            fn before_accept(&mut self, cx: &mut Context<'_>, new_entry: &NewEntry) {
                $(self.$module.before_accept(cx, new_entry);)+
            }

            #[inline]
            fn on_accept(&mut self, cx: &mut Context<'_>, accepted: &Accepted<'_>) {
                $(self.$module.on_accept(cx, accepted);)+
            }

            fn on_not_contiguous(&mut self, cx: &mut Context<'_>, expected: i64, observed: i64) {
                $(self.$module.on_not_contiguous(cx, expected, observed);)+
            }

            fn on_delivered(&mut self, cx: &mut Context<'_>, delivery: &mut Delivery) {
                $(self.$module.on_delivered(cx, delivery);)+
            }

            fn on_end_of_file(&mut self, cx: &mut Context<'_>) {
                $(self.$module.on_end_of_file(cx);)+
            }

            fn on_grow(&mut self, cx: &mut Context<'_>, to: u64) {
                $(self.$module.on_grow(cx, to);)+
            }

            fn on_call_end(&mut self, cx: &mut Context<'_>, failure: &Failure, ret: i64) {
                $(self.$module.on_call_end(cx, failure, ret);)+
            }

            fn on_reader_died(&mut self, cx: &mut Context<'_>, role: Option<Role>, pos: i64) {
                $(self.$module.on_reader_died(cx, role, pos);)+
            }

            fn on_open_failed(&mut self, cx: &mut Context<'_>, ret: i32) {
                $(self.$module.on_open_failed(cx, ret);)+
            }

            fn on_reused(&mut self, cx: &mut Context<'_>, time: u64) {
                $(self.$module.on_reused(cx, time);)+
            }

            fn on_close(&mut self, cx: &mut Context<'_>, closed: &Closed<'_>) {
                $(self.$module.on_close(cx, closed);)+
            }
        }
    };
}
