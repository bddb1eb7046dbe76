(* F10, F11 and F12 for implementation and oracle together: the product rule with a rounding to spare, which is used by
   what 1 - s and 1 - y*y leave out. *)
From Coq Require Import Reals Lra Psatz List Permutation Lia.
From LSTM Require Import Activations DotProducts CellStep Products.
Import ListNotations.
Open Scope R_scope.

(* F10, rounding.product, at the value pv that the oracle computed *)
Definition product_error (pv v0 d0 : R) (l : list (R * R)) (m u eta : R) : R :=
  product_error_in v0 d0 l + m * u * (Rabs pv + product_error_in v0 d0 l) * (1 + m * u) + m * eta * largest ((v0, d0) ::
    l).

Lemma pe_fst l : forall p e, fst (factors_error p e l) = p * prodl (map fst l).
Proof. induction l as [|[v d] l IH]; intros p e; simpl; [ring|]. rewrite IH. ring. Qed.
Lemma near_d f vh : near f vh -> 0 <= snd f.
Proof. unfold near. intros H. pose proof (Rabs_pos (vh - fst f)). lra. Qed.
Lemma near_self f vh : near f vh -> near f (fst f).
Proof. intros H. pose proof (near_d _ _ H). unfold near. replace (fst f - fst f) with 0 by ring. rewrite Rabs_R0. exact
  H0. Qed.
Lemma near_selfs l lh : Forall2 near l lh -> Forall2 near l (map fst l).
Proof. induction 1; simpl; constructor; auto. eapply near_self; eauto. Qed.

Theorem prod_two v0 d0 l v d v0h lh vh m u eta u' eta' ETA p pr :
  0 <= u' -> u' <= u -> 0 <= eta -> 0 <= eta' -> 0 <= d ->
  near (v0, d0) v0h -> Forall2 near l lh -> near (v, (1 + (u + u')) * d) vh ->
  pev u eta (v0h :: lh ++ [vh]) m p -> pev u' eta' (v0 :: map fst l ++ [v]) m pr ->
  INR (S m) * (u + u') <= 1 ->
  pw u m - 1 + (pw u' m - 1) <= INR (S m) * (u + u') * (2 - pw u' m) ->
  pw u m - 1 + (pw u' m - 1) <= 2 - pw u' m -> 0 < 2 - pw u' m ->
  (1 + (u + u')) * (pw u m * (pw eta m - 1)) + 2 * (pw u' m * (pw eta' m - 1)) <= INR (S m) * ETA ->
  Rabs (p - pr) <= product_error pr v0 d0 (l ++ [(v, d)]) (INR (S m)) (u + u') ETA.
Proof.
  intros Hu' Hle He He' Hd H0 HF HV HP HO C1 C2 C3 C4 C5.
  set (w := u + u') in *. assert (Hu : 0 <= u) by lra. assert (Hw : 0 <= w) by (unfold w; lra).
  assert (HF' : Forall2 near (l ++ [(v, (1 + w) * d)]) (lh ++ [vh])) by (apply Forall2_app; [assumption|constructor;
    [assumption|constructor]]).
  pose proof (prod_true _ _ _ _ _ _ _ _ _ Hu He H0 HF' HP) as T.
  pose proof (product_error_in_pos _ _ _ _ _ H0 HF) as E0.
  pose proof (pev_error _ _ _ _ _ Hu' He' HO) as TO.
  unfold product_error, product_value, product_error_in in *. rewrite !pe_app in *. simpl fst in *. simpl snd in *.
  set (q := fst (factors_error v0 d0 l)) in *. set (e := snd (factors_error v0 d0 l)) in *.
  assert (HPq : prodl (v0 :: map fst l ++ [v]) = q * v).
  { unfold q. rewrite pe_fst. simpl. rewrite prodl_app. simpl. ring. }
  rewrite HPq in TO. set (P := q * v) in *.
  pose proof (Rabs_pos q) as Pq. pose proof (Rabs_pos v) as Pv. pose proof (Rabs_pos P) as PP. pose proof (Rabs_pos pr)
    as Ppr.
  set (ec := e * (Rabs v + d) + Rabs q * d) in *.
  set (et := e * (Rabs v + (1 + w) * d) + Rabs q * ((1 + w) * d)) in *.
  assert (Ht : et <= (1 + w) * ec).
  { unfold et, ec. assert (0 <= w * (e * Rabs v)) by (repeat apply Rmult_le_pos; lra). lra. }
  assert (Hec : 0 <= ec).
  { unfold ec. assert (0 <= e * (Rabs v + d)) by (apply Rmult_le_pos; lra).
    assert (0 <= Rabs q * d) by (apply Rmult_le_pos; lra). lra. }
  set (M := largest ((v0, d0) :: l ++ [(v, d)])) in *.
  assert (HM1 : 1 <= M) by apply largest_ge1.
  assert (MX : largest ((v0, d0) :: l ++ [(v, (1 + w) * d)]) <= (1 + w) * M).
  { unfold M. change ((v0, d0) :: l ++ [(v, (1 + w) * d)]) with (((v0, d0) :: l) ++ [(v, (1 + w) * d)]).
    change ((v0, d0) :: l ++ [(v, d)]) with (((v0, d0) :: l) ++ [(v, d)]). rewrite !mx_app.
    pose proof (largest_ge1 ((v0, d0) :: l)) as G. set (A := largest ((v0, d0) :: l)) in *.
    replace ((1 + w) * (A * Rmax 1 (Rabs v + d))) with (A * ((1 + w) * Rmax 1 (Rabs v + d))) by ring.
    apply Rmult_le_compat_l; [lra|].
    pose proof (Rmax_l 1 (Rabs v + d)). pose proof (Rmax_r 1 (Rabs v + d)).
    assert ((1 + w) * 1 <= (1 + w) * Rmax 1 (Rabs v + d)) by (apply Rmult_le_compat_l; lra).
    assert ((1 + w) * (Rabs v + d) <= (1 + w) * Rmax 1 (Rabs v + d)) by (apply Rmult_le_compat_l; lra).
    assert (0 <= w * Rabs v) by (apply Rmult_le_pos; lra). apply Rmax_lub; lra. }
  assert (MO : mxl (v0 :: map fst l ++ [v]) <= M).
  { unfold M. apply mx_near. constructor; [exact (near_self _ _ H0)|]. apply Forall2_app; [exact (near_selfs _ _ HF)|].
    constructor; [|constructor]. unfold near; simpl. replace (v - v) with 0 by ring. rewrite Rabs_R0. exact Hd. }
  pose proof (pw_ge1 u m Hu) as G1. pose proof (pw_ge1 eta m He) as G2. pose proof (pw_ge1 u' m Hu') as G1'. pose proof
    (pw_ge1 eta' m He') as G2'.
  set (X := pw u m) in *. set (X' := pw u' m) in *.
  set (Y := X * (pw eta m - 1)) in *. set (Y' := X' * (pw eta' m - 1)) in *.
  assert (HY : 0 <= Y) by (unfold Y; apply Rmult_le_pos; lra). assert (HY' : 0 <= Y') by (unfold Y'; apply Rmult_le_pos;
    lra).
  assert (XW : (1 + w) * X - 1 <= INR (S m) * w * (1 + INR (S m) * w)).
  { pose proof (pw_quad w (S m) Hw C1) as Q. rewrite pw_S in Q.
    assert (X <= pw w m) by (unfold X, pw; apply pow_incr; unfold w; lra).
    assert ((1 + w) * X <= (1 + w) * pw w m) by (apply Rmult_le_compat_l; lra). lra. }
  set (k := X - 1 + (X' - 1)) in *. assert (Hk : 0 <= k) by (unfold k; lra).
  assert (B1 : Y * largest ((v0, d0) :: l ++ [(v, (1 + w) * d)]) <= (1 + w) * Y * M).
  { replace ((1 + w) * Y * M) with (Y * ((1 + w) * M)) by ring. apply Rmult_le_compat_l; lra. }
  assert (B2 : Y' * mxl (v0 :: map fst l ++ [v]) <= Y' * M) by (apply Rmult_le_compat_l; lra).
  assert (NP : (2 - X') * Rabs P <= Rabs pr + Y' * M).
  { rewrite Rabs_minus_sym in TO. pose proof (Rabs_near _ _ _ TO). lra. }
  assert (YM : 0 <= Y' * M) by (apply Rmult_le_pos; lra).
  assert (KP : k * Rabs P <= INR (S m) * w * Rabs pr + Y' * M).
  { apply (Rmult_le_reg_l (2 - X')); [lra|].
    apply Rle_trans with (k * (Rabs pr + Y' * M)).
    - replace ((2 - X') * (k * Rabs P)) with (k * ((2 - X') * Rabs P)) by ring. apply Rmult_le_compat_l; lra.
    - assert (k * Rabs pr <= INR (S m) * w * (2 - X') * Rabs pr) by (apply Rmult_le_compat_r; lra).
      assert (k * (Y' * M) <= (2 - X') * (Y' * M)) by (apply Rmult_le_compat_r; lra). lra. }
  assert (XE : X * et <= (1 + w) * X * ec).
  { replace ((1 + w) * X * ec) with (X * ((1 + w) * ec)) by ring. apply Rmult_le_compat_l; lra. }
  assert (EC : ((1 + w) * X - 1) * ec <= INR (S m) * w * (1 + INR (S m) * w) * ec) by (apply Rmult_le_compat_r; lra).
  assert (FM : ((1 + w) * Y + 2 * Y') * M <= INR (S m) * ETA * M) by (apply Rmult_le_compat_r; lra).
  assert (PX : INR (S m) * w * Rabs pr <= INR (S m) * w * (1 + INR (S m) * w) * Rabs pr).
  { apply Rmult_le_compat_r; [lra|]. pose proof (pos_INR (S m)).
    assert (0 <= INR (S m) * w) by (apply Rmult_le_pos; lra).
    assert (0 <= INR (S m) * w * (INR (S m) * w)) by (apply Rmult_le_pos; lra). lra. }
  replace (p - pr) with ((p - P) + - (pr - P)) by ring. eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp.
  unfold k in KP. lra.
Qed.

(* the conditions of prod_two for two and three multiplications *)
Lemma side_2 u u' : 0 <= u' -> u' <= u -> u + u' <= / 64 ->
  INR 3 * (u + u') <= 1 /\ pw u 2 - 1 + (pw u' 2 - 1) <= INR 3 * (u + u') * (2 - pw u' 2) /\ pw u 2 - 1 + (pw u' 2 - 1)
    <= 2 - pw u' 2 /\ 0 < 2 - pw u' 2.
Proof.
  intros. unfold pw; simpl. assert (0 <= u * u <= / 64 * u) by nra. assert (0 <= u' * u' <= / 64 * u') by nra.
  assert (0 <= (u + u') * u' <= / 64 * (u + u')) by nra. assert (0 <= (u + u') * (u' * u') <= / 64 * (u + u')) by nra.
    repeat split; nra.
Qed.
Lemma side_3 u u' : 0 <= u' -> u' <= u -> u + u' <= / 64 ->
  INR 4 * (u + u') <= 1 /\ pw u 3 - 1 + (pw u' 3 - 1) <= INR 4 * (u + u') * (2 - pw u' 3) /\ pw u 3 - 1 + (pw u' 3 - 1)
    <= 2 - pw u' 3 /\ 0 < 2 - pw u' 3.
Proof.
  intros. assert (Q : forall z, 0 <= z -> z <= / 64 -> pw z 3 - 1 <= 3.15 * z).
  { intros z Z0 Z1. unfold pw; simpl. assert (z * z <= / 64 * z) by nra. assert (z * (z * z) <= / 4096 * z) by nra. nra.
    }
  assert (U1 : u <= / 64) by lra. assert (U2 : u' <= / 128) by lra. assert (U3 : u' <= / 64) by lra. assert (U0 : 0 <=
    u) by lra.
  pose proof (Q u U0 U1). pose proof (Q u' H U3). simpl (INR 4).
  assert (3.15 * (u + u') <= (1 + 1 + 1 + 1) * (u + u') * (2 - pw u' 3)).
  { assert ((u + u') * (2 - pw u' 3) >= (u + u') * 0.97) by (apply Rle_ge, Rmult_le_compat_l; lra). lra. }
  repeat split; lra.
Qed.

Lemma beta_bound z e : 0 <= z <= / 64 -> 0 <= e <= / 1024 ->
  pw z 2 * (pw e 2 - 1) <= 2.1 * e /\ pw z 3 * (pw e 3 - 1) <= 3.2 * e.
Proof.
  intros Hz He. unfold pw; simpl.
  assert (C0 : (1 + z) * (1 + z) <= 1.032) by nra.
  assert (C1 : (1 + z) * ((1 + z) * (1 + z)) <= 1.05) by nra.
  assert (0 <= (1 + z) * (1 + z)) by nra. assert (0 <= (1 + z) * ((1 + z) * (1 + z))) by nra.
  split.
  - replace ((1 + z) * ((1 + z) * 1) * ((1 + e) * ((1 + e) * 1) - 1)) with ((1 + z) * (1 + z) * (e * (2 + e))) by ring.
    apply Rle_trans with (1.032 * (e * (2 + e))); [apply Rmult_le_compat_r; nra|nra].
  - replace ((1 + z) * ((1 + z) * ((1 + z) * 1)) * ((1 + e) * ((1 + e) * ((1 + e) * 1)) - 1))
      with ((1 + z) * ((1 + z) * (1 + z)) * (e * (3 + 3 * e + e * e))) by ring.
    apply Rle_trans with (1.05 * (e * (3 + 3 * e + e * e))); [apply Rmult_le_compat_r; nra|].
    replace (1.05 * (e * (3 + 3 * e + e * e))) with (e * (1.05 * (3 + 3 * e + e * e))) by ring.
    apply Rle_trans with (e * 3.2); [apply Rmult_le_compat_l; nra|lra].
Qed.

Lemma q_two v0 d0 v d v0h vh u eta u' eta' ETA p pr :
  0 <= u' -> u' <= u -> u + u' <= 1 -> 0 <= eta -> 0 <= eta' -> eta + 3 * eta' <= ETA ->
  near (v0, d0) v0h -> near (v, d) vh -> rnd u eta (v0h * vh) p -> rnd u' eta' (v0 * v) pr ->
  Rabs (p - pr) <= product_error pr v0 d0 [(v, d)] 1 (u + u') ETA.
Proof.
  intros Hu' Hle Hs He He' HE H0 H1 HR HO. unfold near in *; simpl in *.
  pose proof (prod2 _ _ _ _ _ _ H0 H1) as P. set (e := d0 * (Rabs v + d) + Rabs v0 * d) in *.
  assert (E0 : 0 <= e) by (pose proof (Rabs_pos (v0h * vh - v0 * v)); lra).
  assert (R0 : rnd 0 0 p p) by (apply rnd_exact; lra).
  assert (Hu : 0 <= u) by lra. assert (Z : 0 <= 0) by lra. assert (S1 : u + u' + 0 <= 1) by lra.
  pose proof (rnd_store u eta 0 0 u' eta' _ _ _ p p pr Hu Z Hu' He He' Hle S1 P HR R0 HO) as F.
  unfold product_error, product_error_in; simpl. fold e.
  pose proof (largest_ge1 [(v0, d0); (v, d)]) as X. simpl in X.
  assert (ETA * 1 <= ETA * (Rmax 1 (Rabs v0 + d0) * (Rmax 1 (Rabs v + d) * 1))) by (apply Rmult_le_compat_l; lra). lra.
Qed.

Lemma om_two s sh ds u u' z z' : 0 <= u' -> u' <= u -> u + u' <= 1 -> s <= 1 -> Rabs (sh - s) <= ds ->
  rnd u 0 (1 - sh) z -> rnd u' 0 (1 - s) z' -> 0 <= z' ->
  Rabs (z - z') <= (1 + (u + u')) * one_minus_error ds z' (u + u').
Proof.
  intros Hu' Hle Hs H1 H Rz Rz' Pz. assert (Hu : 0 <= u) by lra.
  assert (N : Rabs ((1 - sh) - (1 - s)) <= ds).
  { replace (1 - sh - (1 - s)) with (- (sh - s)) by ring. now rewrite Rabs_Ropp. }
  pose proof (rnd2 _ _ _ _ _ _ _ _ _ Hu Hu' N Rz Rz') as F. rewrite (Rabs_pos_eq (1 - s)) in F by lra.
  assert (D0 : 0 <= ds) by (pose proof (Rabs_pos (sh - s)); lra).
  assert (V : (1 - u') * (1 - s) <= z').
  { unfold rnd in Rz'. rewrite Rabs_minus_sym in Rz'. pose proof (Rabs_near _ _ _ Rz') as Q. rewrite (Rabs_pos_eq (1 -
    s)) in Q by lra. rewrite (Rabs_pos_eq z') in Q by lra. lra. }
  unfold one_minus_error. set (w := u + u') in *.
  assert (W : 1 * (1 - s) <= (1 + w) * z').
  { apply Rle_trans with ((1 + w) * ((1 - u') * (1 - s))); [|apply Rmult_le_compat_l; [unfold w|]; lra].
    rewrite <- Rmult_assoc. apply Rmult_le_compat_r; [lra|]. unfold w in *. nra. }
  assert (w * (1 * (1 - s)) <= w * ((1 + w) * z')) by (apply Rmult_le_compat_l; [unfold w|]; lra).
  assert (0 <= w * ds) by (apply Rmult_le_pos; [unfold w|]; lra).
  assert (0 <= w * (w * ds)) by (apply Rmult_le_pos; [unfold w|]; lra). lra.
Qed.

Lemma sq_two y yh dy u es u' es' ES wv z wv' z' : 0 <= u' -> u' <= u -> u + u' <= 1 -> es + es' <= ES -> 0 <= es -> 0 <=
  es' ->
  Rabs (yh - y) <= dy -> rnd u es (yh * yh) wv -> rnd u 0 (1 - wv) z ->
  rnd u' es' (y * y) wv' -> rnd u' 0 (1 - wv') z' -> 0 <= z' ->
  Rabs (z - z') <= (1 + (u + u')) * one_minus_square_error y dy z' (u + u') ES.
Proof.
  intros Hu' Hle Hs HES Hes Hes' H Rw Rz Rw' Rz' Pz. assert (Hu : 0 <= u) by lra.
  pose proof (prod2 _ _ _ _ _ _ H H) as P. pose proof (Rabs_pos y) as Py.
  assert (D0 : 0 <= dy) by (pose proof (Rabs_pos (yh - y)); lra).
  set (D := 2 * Rabs y * dy + dy * dy).
  assert (PD : Rabs (yh * yh - y * y) <= D) by (unfold D; lra).
  assert (HD : 0 <= D) by (pose proof (Rabs_pos (yh * yh - y * y)); lra).
  pose proof (rnd2 _ _ _ _ _ _ _ _ _ Hu Hu' PD Rw Rw') as F1. rewrite Rabs_mult in F1.
  set (w := u + u') in *. assert (Hw : 0 <= w) by (unfold w; lra).
  set (D1 := D + w * (Rabs y * Rabs y + D) + (es + es')) in *.
  assert (F1' : Rabs ((1 - wv) - (1 - wv')) <= D1).
  { replace (1 - wv - (1 - wv')) with (- (wv - wv')) by ring. rewrite Rabs_Ropp. exact F1. }
  pose proof (rnd2 _ _ _ _ _ _ _ _ _ Hu Hu' F1' Rz Rz') as F2. fold w in F2.
  set (a := Rabs (1 - wv')) in *. assert (Ha : 0 <= a) by apply Rabs_pos.
  assert (V : (1 - u') * a <= z').
  { unfold rnd in Rz'. rewrite Rabs_minus_sym in Rz'. pose proof (Rabs_near _ _ _ Rz') as Q. fold a in Q. rewrite
    (Rabs_pos_eq z') in Q by lra. lra. }
  assert (W : 1 * a <= (1 + w) * z').
  { apply Rle_trans with ((1 + w) * ((1 - u') * a)); [|apply Rmult_le_compat_l; lra].
    rewrite <- Rmult_assoc. apply Rmult_le_compat_r; [lra|]. unfold w in *. nra. }
  assert (WW : w * (1 * a) <= w * ((1 + w) * z')) by (apply Rmult_le_compat_l; lra).
  unfold one_minus_square_error.
  fold D. replace (w * (Rabs y + dy) * (1 + Rabs y + dy)) with (w * (Rabs y * Rabs y + D) + w * (Rabs y + dy))
    by (unfold D; ring).
  assert (Q0 : 0 <= w * (Rabs y + dy)) by (apply Rmult_le_pos; lra).
  assert (Q1 : 0 <= w * D) by (apply Rmult_le_pos; lra).
  assert (Q2 : D1 + w * z' <= D + w * (Rabs y * Rabs y + D) + w * (z' + D) + ES) by (unfold D1; lra).
  assert (Q3 : (1 + w) * (D1 + w * z') <= (1 + w) * (D + w * (Rabs y * Rabs y + D) + w * (z' + D) + ES)) by (apply
    Rmult_le_compat_l; lra).
  assert (Q4 : 0 <= w * (w * (Rabs y + dy))) by (apply Rmult_le_pos; lra).
  lra.
Qed.
