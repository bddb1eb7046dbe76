(* F14 and F15, the observed backward pass, for implementation and oracle at once: the recursion of dc, by induction
   over r = T - 1 - t, and the four gate gradients. layer_backward.observe_backward computes both. *)
From Coq Require Import Reals Lra Psatz List Permutation Lia.
From LSTM Require Import Activations DotProducts CellStep Products TwoProducts.
Import ListNotations.
Open Scope R_scope.

Lemma product_error_mono pv v0 d0 l m1 m2 u eta : 0 <= u -> 0 <= eta -> 0 <= m1 <= m2 -> 0 <= product_error_in v0 d0 l
  ->
  product_error pv v0 d0 l m1 u eta <= product_error pv v0 d0 l m2 u eta.
Proof.
  intros Hu He [H1 H2] HE. unfold product_error. pose proof (Rabs_pos pv) as P.
  pose proof (largest_ge1 ((v0, d0) :: l)) as X.
  set (s := Rabs pv + product_error_in v0 d0 l) in *. assert (0 <= s) by (unfold s; lra).
  assert (A : m1 * u <= m2 * u) by (apply Rmult_le_compat_r; lra).
  assert (A0 : 0 <= m1 * u) by (apply Rmult_le_pos; lra).
  assert (m1 * u * s <= m2 * u * s) by (apply Rmult_le_compat_r; lra).
  assert (m1 * u * s * (1 + m1 * u) <= m2 * u * s * (1 + m2 * u)).
  { apply Rmult_le_compat; try lra. apply Rmult_le_pos; lra. }
  assert (m1 * eta <= m2 * eta) by (apply Rmult_le_compat_r; lra).
  assert (m1 * eta * largest ((v0, d0) :: l) <= m2 * eta * largest ((v0, d0) :: l)) by (apply Rmult_le_compat_r; lra).
  lra.
Qed.

Section Run.
Variables (u uc eta es ae be : R) (u' eta' es' ae' : R) (ETA ES : R).
(* underflow: es of the square in 1 - y*y (the code's ES is ETA), ae and be of the addition and storage of dc *)
Hypothesis Hu' : 0 <= u'. Hypothesis Hle : u' <= u. Hypothesis Hw : u + u' <= / 64.
Hypothesis Huc : 0 <= uc. Hypothesis Huc1 : u + u' + uc <= 1.
Hypothesis Heta : 0 <= eta <= / 1024. Hypothesis Heta' : 0 <= eta' <= / 1024.
Hypothesis Hes : 0 <= es. Hypothesis Hes' : 0 <= es'. Hypothesis HES : es + es' <= ES.
Hypothesis HETA : eta + 3 * eta' <= ETA.
Hypothesis Hae : 0 <= ae. Hypothesis Hae' : 0 <= ae'. Hypothesis Hbe : ae * (1 + uc) + be + 3 * ae' <= 4 * ETA.
Let w := u + u'.

Variable gc : R.
(* dh_t: the oracle's, its bound, the implementation's; the gates, tanh c_t and c_{t-1} likewise *)
Variables dh edh dhh : nat -> R.
Variables gi dgi gih gf dgf gfh gg dgg ggh go dgo goh : nat -> R.
Variables tau dtau tauh cp dcp cph : nat -> R.
(* the oracle's 1 - tau^2, 1 - g^2, 1 - i, 1 - f, 1 - o *)
Variables omt og omi omf omo : nat -> R.
(* the oracle's dh o (1 - tau^2), dc_{t+1} f_{t+1} and dc_t; the implementation's dc_t *)
Variables av qv dc dch : nat -> R.

Definition omt_d r := one_minus_square_error (tau r) (dtau r) (omt r) w ES.
Definition og_d r := one_minus_square_error (gg r) (dgg r) (og r) w ES.
(* F14, the path through h_t; then both paths; then all steps *)
Definition through_h_error r := product_error (av r) (dh r) (edh r) [(go r, dgo r); (omt r, omt_d r)] 4 w ETA.
Definition cell_cotangent_error (r : nat) (eq : R) : R :=
  (through_h_error r + eq) + (w + uc) * (Rabs (dc r) + (through_h_error r + eq)) * (1 + w) + 4 * ETA.
Fixpoint E_dc (r : nat) : R :=
  match r with
  | O => cell_cotangent_error 0 0
  | S r' => cell_cotangent_error r (product_error (qv r) (dc r') (E_dc r') [(gf r', dgf r')] 1 w ETA)
  end.

Definition back r := exists wv z ah qh s,
  rnd u es (tauh r * tauh r) wv /\ rnd u 0 (1 - wv) z /\ pev u eta [dhh r; goh r; z] 2 ah /\
  match r with O => qh = gc | S r' => rnd u eta (dch r' * gfh r') qh end /\
  rnd u ae (ah + qh) s /\ rnd uc be s (dch r).
Definition oracle r :=
  (exists wv', rnd u' es' (tau r * tau r) wv' /\ rnd u' 0 (1 - wv') (omt r)) /\ 0 <= omt r /\
  pev u' eta' [dh r; go r; omt r] 2 (av r) /\
  match r with O => qv r = gc | S r' => rnd u' eta' (dc r' * gf r') (qv r) end /\
  rnd u' ae' (av r + qv r) (dc r).

(* what goes into a step is as near as F13 and the forward pass say; the oracle's sigma does not exceed 1 *)
Hypothesis Ndh : forall r, near (dh r, edh r) (dhh r).
Hypothesis Ni : forall r, near (gi r, dgi r) (gih r).
Hypothesis Nf : forall r, near (gf r, dgf r) (gfh r).
Hypothesis Ng : forall r, near (gg r, dgg r) (ggh r).
Hypothesis No : forall r, near (go r, dgo r) (goh r).
Hypothesis Nt : forall r, near (tau r, dtau r) (tauh r).
Hypothesis Nc : forall r, near (cp r, dcp r) (cph r).
Hypothesis R1 : forall r, gi r <= 1 /\ gf r <= 1 /\ go r <= 1.

Let Hu : 0 <= u. Proof. lra. Qed.
Let HETA0 : 0 <= ETA. Proof. lra. Qed.

Lemma sq_pos y yh dy v : near (y, dy) yh -> 0 <= v -> 0 <= one_minus_square_error y dy v w ES.
Proof.
  intros N Hv. pose proof (near_d _ _ N) as D0. simpl in D0. pose proof (Rabs_pos y). unfold one_minus_square_error.
    unfold w in *.
  assert (0 <= Rabs y * dy) by (apply Rmult_le_pos; lra). assert (0 <= dy * dy) by (apply Rmult_le_pos; lra).
  assert (0 <= (u + u') * (Rabs y + dy) * (1 + Rabs y + dy)) by (apply Rmult_le_pos; [apply Rmult_le_pos; lra|lra]).
  assert (0 <= (u + u') * (v + (2 * Rabs y * dy + dy * dy))) by (apply Rmult_le_pos; lra). lra.
Qed.
Lemma om_pos s sh ds v : near (s, ds) sh -> 0 <= v -> 0 <= one_minus_error ds v w.
Proof. intros N Hv. pose proof (near_d _ _ N) as D0. simpl in D0. unfold one_minus_error, w. assert (0 <= (u + u') * (v
  + ds)) by (apply Rmult_le_pos; lra). lra. Qed.

Lemma eta2 : (1 + (u + u')) * (pw u 2 * (pw eta 2 - 1)) + 2 * (pw u' 2 * (pw eta' 2 - 1)) <= INR 3 * ETA.
Proof.
  destruct (beta_bound u eta ltac:(lra) Heta) as [B _]. destruct (beta_bound u' eta' ltac:(lra) Heta') as [B' _].
  pose proof (pw_ge1 u 2 Hu). pose proof (pw_ge1 eta 2 (proj1 Heta)).
  assert (0 <= pw u 2 * (pw eta 2 - 1)) by (apply Rmult_le_pos; lra).
  assert ((1 + (u + u')) * (pw u 2 * (pw eta 2 - 1)) <= (1 + / 64) * (2.1 * eta)) by (apply Rmult_le_compat; lra).
  simpl (INR 3). lra.
Qed.
Lemma eta3 : (1 + (u + u')) * (pw u 3 * (pw eta 3 - 1)) + 2 * (pw u' 3 * (pw eta' 3 - 1)) <= INR 4 * ETA.
Proof.
  destruct (beta_bound u eta ltac:(lra) Heta) as [_ B]. destruct (beta_bound u' eta' ltac:(lra) Heta') as [_ B'].
  pose proof (pw_ge1 u 3 Hu). pose proof (pw_ge1 eta 3 (proj1 Heta)).
  assert (0 <= pw u 3 * (pw eta 3 - 1)) by (apply Rmult_le_pos; lra).
  assert ((1 + (u + u')) * (pw u 3 * (pw eta 3 - 1)) <= (1 + / 64) * (3.2 * eta)) by (apply Rmult_le_compat; lra).
  simpl (INR 4). lra.
Qed.

(* v0 * v1 * v, where v is 1 - y*y: three roundings would do, the code has four *)
Lemma three v0 d0 h0 v1 d1 h1 v d h p pr : near (v0, d0) h0 -> near (v1, d1) h1 -> 0 <= d -> Rabs (h - v) <= (1 + w) * d
  ->
  pev u eta [h0; h1; h] 2 p -> pev u' eta' [v0; v1; v] 2 pr ->
  Rabs (p - pr) <= product_error pr v0 d0 [(v1, d1); (v, d)] 4 w ETA.
Proof.
  intros N0 N1 D0 N P PO. destruct (side_2 u u' Hu' Hle Hw) as (C1&C2&C3&C4).
  pose proof (prod_two v0 d0 [(v1, d1)] v d h0 [h1] h 2 u eta u' eta' ETA p pr Hu' Hle (proj1 Heta) (proj1 Heta') D0 N0
    (Forall2_cons _ _ N1 (Forall2_nil _)) N P PO C1 C2 C3 C4 eta2) as G.
  replace (INR 3) with 3 in G by (simpl; ring). eapply Rle_trans; [exact G|].
  apply product_error_mono; unfold w; try lra.
  assert (N' : near (v, d) v).
  { unfold near; simpl. replace (v - v) with 0 by ring. rewrite Rabs_R0. exact D0. }
  exact (product_error_in_pos _ _ _ h0 [h1; v] N0 (Forall2_cons _ _ N1 (Forall2_cons _ _ N' (Forall2_nil _)))).
Qed.
(* v0 * v1 * v2 * v, where v is 1 - s *)
Lemma four v0 d0 h0 v1 d1 h1 v2 d2 h2 v d h p pr : near (v0, d0) h0 -> near (v1, d1) h1 -> near (v2, d2) h2 -> 0 <= d ->
  Rabs (h - v) <= (1 + w) * d ->
  pev u eta [h0; h1; h2; h] 3 p -> pev u' eta' [v0; v1; v2; v] 3 pr ->
  Rabs (p - pr) <= product_error pr v0 d0 [(v1, d1); (v2, d2); (v, d)] 4 w ETA.
Proof.
  intros N0 N1 N2 D0 N P PO. destruct (side_3 u u' Hu' Hle Hw) as (C1&C2&C3&C4).
  pose proof (prod_two v0 d0 [(v1, d1); (v2, d2)] v d h0 [h1; h2] h 3 u eta u' eta' ETA p pr Hu' Hle (proj1 Heta) (proj1
    Heta') D0 N0
    (Forall2_cons _ _ N1 (Forall2_cons _ _ N2 (Forall2_nil _))) N P PO C1 C2 C3 C4 eta3) as G.
  replace (INR 4) with 4 in G by (simpl; ring). exact G.
Qed.

Lemma sq_at y yh dy wv z wv' z' : near (y, dy) yh -> rnd u es (yh * yh) wv -> rnd u 0 (1 - wv) z ->
  rnd u' es' (y * y) wv' -> rnd u' 0 (1 - wv') z' -> 0 <= z' -> Rabs (z - z') <= (1 + w) * one_minus_square_error y dy
    z' w ES.
Proof. intros. apply (sq_two y yh dy u es u' es' ES wv z wv' z'); try assumption; lra. Qed.

Lemma dc_step r ah eq qh s : Rabs (ah - av r) <= through_h_error r -> Rabs (qh - qv r) <= eq ->
  rnd u ae (ah + qh) s -> rnd uc be s (dch r) -> rnd u' ae' (av r + qv r) (dc r) ->
  Rabs (dch r - dc r) <= cell_cotangent_error r eq.
Proof.
  intros A Q Rs Rd Ro.
  assert (Z : Rabs ((ah + qh) - (av r + qv r)) <= through_h_error r + eq).
  { replace (ah + qh - (av r + qv r)) with ((ah - av r) + (qh - qv r)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. lra. }
  pose proof (rnd_store u ae uc be u' ae' _ _ _ s (dch r) (dc r) Hu Huc Hu' Hae Hae' Hle Huc1 Z Rs Rd Ro) as F.
  unfold cell_cotangent_error, w. lra.
Qed.

Theorem dc_sound T : (forall r, (r < T)%nat -> back r /\ oracle r) ->
  forall r, (r < T)%nat -> Rabs (dch r - dc r) <= E_dc r.
Proof.
  intros HB. induction r as [|r IH]; intros Hr; destruct (HB _ Hr) as [(wv&z&ah&qh&s&Rw&Rz&P&Q&Rs&Rd)
    ((wv'&Rw'&Rz')&Pz&PO&QO&Ro)].
  - assert (A : Rabs (ah - av 0) <= through_h_error 0).
    { apply (three _ _ _ _ _ _ _ _ _ _ _ (Ndh 0%nat) (No 0%nat) (sq_pos _ _ _ _ (Nt 0%nat) Pz) (sq_at _ _ _ _ _ _ _ (Nt
      0%nat) Rw Rz Rw' Rz' Pz) P PO). }
    simpl. apply (dc_step 0 ah 0 qh s A); try assumption. rewrite Q, QO. replace (gc - gc) with 0 by ring. rewrite
      Rabs_R0; lra.
  - assert (A : Rabs (ah - av (S r)) <= through_h_error (S r)).
    { apply (three _ _ _ _ _ _ _ _ _ _ _ (Ndh (S r)) (No (S r)) (sq_pos _ _ _ _ (Nt (S r)) Pz) (sq_at _ _ _ _ _ _ _ (Nt
      (S r)) Rw Rz Rw' Rz' Pz) P PO). }
    change (E_dc (S r)) with (cell_cotangent_error (S r) (product_error (qv (S r)) (dc r) (E_dc r) [(gf r, dgf r)] 1 w
      ETA)).
    apply (dc_step (S r) ah _ qh s A); try assumption.
    apply (q_two (dc r) (E_dc r) (gf r) (dgf r) (dch r) (gfh r) u eta u' eta' ETA); try assumption; try lra.
    + unfold near; simpl. apply IH; lia.
    + apply Nf.
Qed.

(* F15, cell_backward.gate_gradients; pr is the value that the oracle computed *)
Definition dz_i_error r pr :=
  product_error pr (dc r) (E_dc r) [(gg r, dgg r); (gi r, dgi r); (omi r, one_minus_error (dgi r) (omi r) w)] 4 w ETA.
Definition dz_f_error r pr :=
  product_error pr (dc r) (E_dc r) [(cp r, dcp r); (gf r, dgf r); (omf r, one_minus_error (dgf r) (omf r) w)] 4 w ETA.
Definition dz_g_error r pr := product_error pr (dc r) (E_dc r) [(gi r, dgi r); (og r, og_d r)] 4 w ETA.
Definition dz_o_error r pr :=
  product_error pr (dh r) (edh r) [(tau r, dtau r); (go r, dgo r); (omo r, one_minus_error (dgo r) (omo r) w)] 4 w ETA.

(* ND is what dc_sound says *)
Section Delta.
Variable r : nat.
Hypothesis ND : Rabs (dch r - dc r) <= E_dc r.

Theorem dz_i_sound z p pr : rnd u 0 (1 - gih r) z -> rnd u' 0 (1 - gi r) (omi r) -> 0 <= omi r ->
  pev u eta [dch r; ggh r; gih r; z] 3 p -> pev u' eta' [dc r; gg r; gi r; omi r] 3 pr ->
  Rabs (p - pr) <= dz_i_error r pr.
Proof. intros Rz Ro P0 P PO. destruct (R1 r) as (I1&_).
  refine (four _ _ _ _ _ _ _ _ _ _ _ _ _ _ ND (Ng r) (Ni r) (om_pos _ _ _ _ (Ni r) P0) _ P PO).
  apply (om_two (gi r) (gih r) (dgi r) u u' z (omi r)); try assumption; try lra. apply Ni. Qed.

Theorem dz_f_sound z p pr : rnd u 0 (1 - gfh r) z -> rnd u' 0 (1 - gf r) (omf r) -> 0 <= omf r ->
  pev u eta [dch r; cph r; gfh r; z] 3 p -> pev u' eta' [dc r; cp r; gf r; omf r] 3 pr ->
  Rabs (p - pr) <= dz_f_error r pr.
Proof. intros Rz Ro P0 P PO. destruct (R1 r) as (_&I1&_).
  refine (four _ _ _ _ _ _ _ _ _ _ _ _ _ _ ND (Nc r) (Nf r) (om_pos _ _ _ _ (Nf r) P0) _ P PO).
  apply (om_two (gf r) (gfh r) (dgf r) u u' z (omf r)); try assumption; try lra. apply Nf. Qed.

Theorem dz_o_sound z p pr : rnd u 0 (1 - goh r) z -> rnd u' 0 (1 - go r) (omo r) -> 0 <= omo r ->
  pev u eta [dhh r; tauh r; goh r; z] 3 p -> pev u' eta' [dh r; tau r; go r; omo r] 3 pr ->
  Rabs (p - pr) <= dz_o_error r pr.
Proof. intros Rz Ro P0 P PO. destruct (R1 r) as (_&_&I1).
  refine (four _ _ _ _ _ _ _ _ _ _ _ _ _ _ (Ndh r) (Nt r) (No r) (om_pos _ _ _ _ (No r) P0) _ P PO).
  apply (om_two (go r) (goh r) (dgo r) u u' z (omo r)); try assumption; try lra. apply No. Qed.

Theorem dz_g_sound wv z wv' p pr : rnd u es (ggh r * ggh r) wv -> rnd u 0 (1 - wv) z ->
  rnd u' es' (gg r * gg r) wv' -> rnd u' 0 (1 - wv') (og r) -> 0 <= og r ->
  pev u eta [dch r; gih r; z] 2 p -> pev u' eta' [dc r; gi r; og r] 2 pr ->
  Rabs (p - pr) <= dz_g_error r pr.
Proof.
  intros Rw Rz Rw' Rz' P0 P PO. pose proof (sq_pos _ _ _ _ (Ng r) P0) as D0.
  exact (three _ _ _ _ _ _ _ _ _ _ _ ND (Ni r) D0 (sq_at _ _ _ _ _ _ _ (Ng r) Rw Rz Rw' Rz' P0) P PO).
Qed.
End Delta.
End Run.
