(* F4 to F9, the whole observed forward pass: by induction on t, dot products included, for implementation and oracle at
   once. layer.observe_forward computes E_c and E_h. *)
From Coq Require Import Reals Lra Psatz List Lia.
From LSTM Require Import Activations DotProducts RoundToNearest CellStep.
Import ListNotations.
Open Scope R_scope.

Inductive gate := GI | GF | GG | GO.

(* lstm_spec.accuracy.ErrorModel, and the arithmetic of the oracle *)
Record ErrorModel := { u : R; u_acc : R; u_h : R; u_c : R; r_s : R; r_t : R; s_abs : R; t_abs : R; eta : R;
                     add_eta : R; st_eta : R (* what additions and storage lose to underflow: 0, see CellStep.v *) }.
Record Oracle := { u' : R; r_s' : R; r_t' : R; eta' : R; add_eta' : R }.

(* oracle values of one step and one unit (computed, not exact) *)
Record oval := { va : gate -> R; vi : R; vf : R; vg : R; vo : R; vc : R; vtau : R; vh : R }.

Section Forward.
Variable K : ErrorModel. Variable Or : Oracle.
Variables (I H : nat) (W Um : gate -> nat -> nat -> R) (b1 b2 : gate -> nat -> R).
Variable x : nat -> nat -> R.             (* x t i *)
Variable c0 : nat -> R.
Variable N : gate -> nat -> nat.          (* terms of a row that can differ from 0, two halves of the bias included; F3
                                            is N + 2 *)

Definition terms (t : nat) (k : gate) (j : nat) (hv : nat -> R) : list (R * R) :=
  map (fun i => (W k j i, x t i)) (seq 0 I) ++ map (fun m => (Um k j m, hv m)) (seq 0 H)
  ++ [(b1 k j, 1); (b2 k j, 1)].

(* one step of a conforming implementation; FMA is the case p = fh * ch or q = ih * gh *)
Definition implementation_step (ah : gate -> R) (ch c1 h1 : R) : Prop :=
  exists ih fh gh oh p q s w th s2,
    Rabs (ih - sigma (ah GI)) <= r_s K * u K * Rabs (sigma (ah GI)) + s_abs K * u K + 2 * eta K /\
    Rabs (fh - sigma (ah GF)) <= r_s K * u K * Rabs (sigma (ah GF)) + s_abs K * u K + 2 * eta K /\
    Rabs (gh - tanh (ah GG)) <= r_t K * u K * Rabs (tanh (ah GG)) + t_abs K * u K + 2 * eta K /\
    Rabs (oh - sigma (ah GO)) <= r_s K * u K * Rabs (sigma (ah GO)) + s_abs K * u K + 2 * eta K /\
    rnd (u K) (eta K) (fh * ch) p /\ rnd (u K) (eta K) (ih * gh) q /\
    rnd (u K) (add_eta K) (p + q) s /\ rnd (u_c K) (st_eta K) s c1 /\
    (w = s \/ w = c1) /\
    Rabs (th - tanh w) <= r_t K * u K * Rabs (tanh w) + t_abs K * u K + 2 * eta K /\
    rnd (u K) (eta K) (oh * th) s2 /\ rnd (u_h K) (st_eta K) s2 h1.

Definition oracle_step (c : R) (v : oval) : Prop :=
  0 <= vi v /\ 0 <= vf v /\ 0 <= vo v /\
  Rabs (vi v - sigma (va v GI)) <= r_s' Or * u' Or * Rabs (sigma (va v GI)) + eta' Or /\
  Rabs (vf v - sigma (va v GF)) <= r_s' Or * u' Or * Rabs (sigma (va v GF)) + eta' Or /\
  Rabs (vg v - tanh (va v GG)) <= r_t' Or * u' Or * Rabs (tanh (va v GG)) + eta' Or /\
  Rabs (vo v - sigma (va v GO)) <= r_s' Or * u' Or * Rabs (sigma (va v GO)) + eta' Or /\
  Rabs (vtau v - tanh (vc v)) <= r_t' Or * u' Or * Rabs (tanh (vc v)) + eta' Or /\
  (exists p q, rnd (u' Or) (eta' Or) (vf v * c) p /\ rnd (u' Or) (eta' Or) (vi v * vg v) q /\
               rnd (u' Or) (add_eta' Or) (p + q) (vc v)) /\
  rnd (u' Or) (eta' Or) (vo v * vtau v) (vh v).

(* the bounds, at u + u' and ETA: rounding.with_oracle *)
Variable ETA : R.
Let U := u K + u' Or.
Let xa := add_eta K * (1 + u_c K) + st_eta K + 3 * add_eta' Or.   (* = 0, see CellStep.v *)

(* F4, cell.preactivations *)
Definition preactivation_error (t : nat) (k : gate) (j : nat) (hv : nat -> R) : R :=
  dot_bound (INR (N k j) + 2) (u_acc K + u' Or) ETA (dota (terms t k j hv)).
(* F5 and F8, rounding.sigmoid and rounding.tanh *)
Definition d_sig (v : oval) (k : gate) (y D : R) : R :=
  activation_error (sigmoid_slope (nearest_to_zero (va v k) D)) D (r_s K) U y (s_abs K) ETA.
Definition d_tanh (a y D : R) : R := activation_error (tanh_slope (nearest_to_zero a D)) D (r_t K) U y (t_abs K) ETA.

(* F6 and F7, cell.multiplied_cell_state; F9, cell.hidden_state *)
Definition next_E_c (v : oval) (D : gate -> R) (c E : R) : R :=
  cell_error (cell_sum_error (vi v) (vf v) (vg v) c (d_sig v GI (vi v) (D GI)) (d_sig v GF (vf v) (D GF))
             (d_tanh (va v GG) (vg v) (D GG)) E U ETA) (vc v) U (u_c K) + xa.
Definition next_E_h (v : oval) (D : gate -> R) (E1 : R) : R :=
  hidden_error (hidden_product_error (vo v) (vtau v) (d_sig v GO (vo v) (D GO)) (d_tanh (vc v) (vtau v) E1)) (vh v) U
    (u_h K) (ETA + (eta K * u_h K + st_eta K)).

(* conditions; Satisfiable.v shows that both grades meet them *)
Hypothesis K0 : 0 <= u K /\ 0 <= u_acc K /\ 0 <= u_h K /\ 0 <= u_c K /\ 0 <= r_s K /\ 0 <= r_t K /\ 0 <= s_abs K /\
  0 <= t_abs K /\ 0 <= eta K /\ 0 <= add_eta K /\ 0 <= st_eta K.
Hypothesis O0 : 0 <= u' Or /\ 0 <= r_s' Or /\ 0 <= r_t' Or /\ 0 <= eta' Or /\ 0 <= add_eta' Or.
Hypothesis Hu' : u' Or <= u K /\ u' Or <= u_acc K.
Hypothesis Hsmall : u K + u' Or + u_c K <= 1 /\ u K + u' Or + u_h K <= 1.
Hypothesis Hrs : r_s' Or * (1 + r_s K * (u K + u' Or)) <= r_s K /\ r_s K * u K + 2 * (r_s' Or * u' Or) <= 1.
Hypothesis Hrt : r_t' Or * (1 + r_t K * (u K + u' Or)) <= r_t K /\ r_t K * u K + 2 * (r_t' Or * u' Or) <= 1.
Hypothesis HETA : eta K + 3 * eta' Or <= ETA.

Lemma HETA2 : eta K + 2 * eta' Or <= ETA.
Proof. destruct K0 as (A0&A1&A2&A3&A4&A5&A6&A7&A8&A9&A10), O0 as (B0&B1&B2&B3&B4).
  assert (0 <= eta K * u_h K) by (apply Rmult_le_pos; lra). lra. Qed.

Lemma gate_da m (Hm : INR m * (INR m + 2) * u_acc K <= 2) n n' l s s' : (n <= m)%nat -> (n' <= m)%nat ->
  dot (u_acc K) (eta K) n l s -> dot (u' Or) (eta' Or) n' l s' ->
  Rabs (s - s') <= dot_bound (INR m + 2) (u_acc K + u' Or) ETA (dota l).
Proof.
  intros Hn Hn' D1 D2. pose proof HETA2 as E2.
  destruct K0 as (A0&A1&A2&A3&A4&A5&A6&A7&A8&A9&A10), O0 as (B0&B1&B2&B3&B4). destruct Hu' as [H1 H2].
  pose proof (le_INR _ _ Hn) as L. pose proof (le_INR _ _ Hn') as L'. pose proof (pos_INR n) as P. pose proof (pos_INR
    n') as P'.
  assert (C : INR n * (INR n + 2) * u_acc K <= 2).
  { eapply Rle_trans; [|exact Hm]. apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat; lra. }
  assert (C' : INR n' * (INR n' + 2) * u' Or <= 2).
  { eapply Rle_trans; [|exact Hm]. apply Rmult_le_compat; try lra. apply Rmult_le_pos; lra. apply Rmult_le_compat; lra.
    }
  pose proof (dot_any_order _ _ _ _ _ A1 A8 D1 C) as X1. pose proof (dot_any_order _ _ _ _ _ B0 B3 D2 C') as X2.
  replace (s - s') with ((s - dotx l) - (s' - dotx l)) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp. unfold dot_bound in *.
  pose proof (dota_pos l) as Q.
  assert ((INR n + 2) * u_acc K * dota l <= (INR m + 2) * u_acc K * dota l).
  { apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat_r; lra. }
  assert ((INR n' + 2) * u' Or * dota l <= (INR m + 2) * u' Or * dota l).
  { apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat_r; lra. }
  assert ((INR n + 2) * eta K <= (INR m + 2) * eta K) by (apply Rmult_le_compat_r; lra).
  assert ((INR n' + 2) * eta' Or <= (INR m + 2) * eta' Or) by (apply Rmult_le_compat_r; lra).
  assert ((INR m + 2) * (eta K + eta' Or) <= (INR m + 2) * ETA) by (apply Rmult_le_compat_l; lra).
  lra.
Qed.

Lemma step_sound ah D ch c1 h1 c v E :
  implementation_step ah ch c1 h1 -> oracle_step c v -> (forall k, Rabs (ah k - va v k) <= D k) -> Rabs (ch - c) <= E ->
  Rabs (c1 - vc v) <= next_E_c v D c E /\ Rabs (h1 - vh v) <= next_E_h v D (next_E_c v D c E).
Proof.
  intros (ih&fh&gh&oh&p&q&s&w&th&s2&Bi&Bf&Bg&Bo&Rp&Rq&Rs&Rc&Hw&Bt&Rh&Rst)
         (Pi&Pf&Po&Oi&Of&Og&Oo&Ot&(p'&q'&Rp'&Rq'&Rc')&Rh') HD HE.
  pose proof HETA2 as E2.
  destruct K0 as (A0&A1&A2&A3&A4&A5&A6&A7&A8&A9&A10), O0 as (B0&B1&B2&B3&B4). destruct Hu' as [H1 H2].
  destruct Hsmall as [S1 S2]. destruct Hrs as [HS1 HS2]. destruct Hrt as [HT1 HT2].
  pose proof (sigmoid_act (u K) (eta K) (u' Or) (eta' Or) ETA A0 B0 B3 E2 (r_s K) (s_abs K) (r_s' Or) _ _ _ _ _ A4 B1 A6
    HS1 HS2 (HD GI) Bi Oi) as Di.
  pose proof (sigmoid_act (u K) (eta K) (u' Or) (eta' Or) ETA A0 B0 B3 E2 (r_s K) (s_abs K) (r_s' Or) _ _ _ _ _ A4 B1 A6
    HS1 HS2 (HD GF) Bf Of) as Df.
  pose proof (sigmoid_act (u K) (eta K) (u' Or) (eta' Or) ETA A0 B0 B3 E2 (r_s K) (s_abs K) (r_s' Or) _ _ _ _ _ A4 B1 A6
    HS1 HS2 (HD GO) Bo Oo) as Do.
  pose proof (tanh_act (u K) (eta K) (u' Or) (eta' Or) ETA A0 B0 B3 E2 (r_t K) (t_abs K) (r_t' Or) _ _ _ _ _ A5 B2 A7
    HT1 HT2 (HD GG) Bg Og) as Dg.
  assert (HE1 : eta K + eta' Or <= ETA) by lra.
  (* stored c *)
  pose proof (cell_c (u K) (u_c K) (eta K) (add_eta K) (st_eta K) (u' Or) (eta' Or) (add_eta' Or) ETA _ _ _ _ _ _ _ _ _
    _ _ _ p q s c1 p' q' (vc v)
     A0 A3 B0 A9 B4 H1 S1 HE1 Pi Pf Di Df Dg HE Rp Rq Rs Rc Rp' Rq' Rc') as C1.
  (* unstored c *)
  assert (R0 : rnd 0 0 s s) by (apply rnd_exact; lra).
  assert (S0 : u K + u' Or + 0 <= 1) by lra. assert (Z0 : 0 <= 0) by lra.
  pose proof (cell_c (u K) 0 (eta K) (add_eta K) 0 (u' Or) (eta' Or) (add_eta' Or) ETA _ _ _ _ _ _ _ _ _ _ _ _ p q s s
    p' q' (vc v)
     A0 Z0 B0 A9 B4 H1 S0 HE1 Pi Pf Di Df Dg HE Rp Rq Rs R0 Rp' Rq' Rc') as C2.
  fold U in C1, C2.
  set (e := cell_sum_error _ _ _ _ _ _ _ _ _ _) in C1, C2.
  assert (Ce : next_E_c v D c E = cell_error e (vc v) U (u_c K) + xa) by reflexivity.
  assert (C1' : Rabs (c1 - vc v) <= next_E_c v D c E) by (rewrite Ce; exact C1).
  assert (Cw : Rabs (w - vc v) <= next_E_c v D c E).
  { destruct Hw as [->| ->]; [|exact C1'].
    eapply Rle_trans; [exact C2|]. rewrite Ce. unfold cell_error, xa.
    assert (He : 0 <= e \/ e < 0) by lra.
    assert (Hep : 0 <= e).
    { unfold e, cell_sum_error. pose proof (Rabs_pos c). pose proof (Rabs_pos (vg v)).
      assert (0 <= E) by (pose proof (Rabs_pos (ch - c)); lra).
      pose proof (Rabs_pos (ih - vi v)). pose proof (Rabs_pos (fh - vf v)). pose proof (Rabs_pos (gh - vg v)).
      assert (0 <= U) by (unfold U; lra).
      set (di := activation_error _ _ _ _ (vi v) _ _) in *. set (df := activation_error _ _ _ _ (vf v) _ _) in *. set
        (dg := activation_error _ _ _ _ (vg v) _ _) in *.
      assert (0 <= di) by lra. assert (0 <= df) by lra. assert (0 <= dg) by lra.
      assert (0 <= ETA) by (assert (0 <= eta K * u_h K) by (apply Rmult_le_pos; lra); lra).
      assert (0 <= (vf v + df) * E) by (apply Rmult_le_pos; lra).
      assert (0 <= df * Rabs c) by (apply Rmult_le_pos; lra).
      assert (0 <= Rabs (vg v) * di + vi v * dg + di * dg).
      { assert (0 <= Rabs (vg v) * di) by (apply Rmult_le_pos; lra).
        assert (0 <= vi v * dg) by (apply Rmult_le_pos; lra).
        assert (0 <= di * dg) by (apply Rmult_le_pos; lra). lra. }
      assert (0 <= (vf v + df) * (Rabs c + E)) by (apply Rmult_le_pos; lra).
      assert (0 <= vi v * Rabs (vg v)) by (apply Rmult_le_pos; lra).
      assert (0 <= U * ((vf v + df) * (Rabs c + E) + vi v * Rabs (vg v) + (Rabs (vg v) * di + vi v * dg + di * dg))) by
        (apply Rmult_le_pos; lra).
      lra. }
    pose proof (Rabs_pos (vc v)).
    assert (0 <= U) by (unfold U; lra).
    assert (0 <= u_c K * (Rabs (vc v) + e) * (1 + U)) by (repeat apply Rmult_le_pos; lra).
    assert (0 <= add_eta K * u_c K) by (apply Rmult_le_pos; lra).
    lra. }
  split; [exact C1'|].
  pose proof (tanh_act (u K) (eta K) (u' Or) (eta' Or) ETA A0 B0 B3 E2 (r_t K) (t_abs K) (r_t' Or) _ _ _ _ _ A5 B2 A7
    HT1 HT2 Cw Bt Ot) as Dt.
  assert (HETA3 : eta K * (1 + u_h K) + st_eta K + 3 * eta' Or <= ETA + (eta K * u_h K + st_eta K)) by lra.
  exact (cell_h (u K) (u_h K) (eta K) (st_eta K) (u' Or) (eta' Or) (ETA + (eta K * u_h K + st_eta K)) _ _ _ _ _ _ s2
    h1 (vh v) A0 A2 B0 A8 B3 H1 S2 HETA3 Po Do Dt Rh Rst Rh').
Qed.

Section Core.
(* the run, for any sound bound Dp of the pre-activations *)
Variables (hhat chat : nat -> nat -> R).    (* of the implementation; index 0 is the initial state *)
Variable V : nat -> nat -> oval.            (* oracle values at step t, unit j *)
Variable Dp : nat -> gate -> nat -> R.
Definition cprev (t j : nat) : R := match t with O => c0 j | S t' => vc (V t' j) end.

Fixpoint E_c (t j : nat) : R :=
  match t with
  | O => 0
  | S t' => next_E_c (V t' j) (fun k => Dp t' k j) (cprev t' j) (E_c t' j)
  end.
Definition E_h (t j : nat) : R := next_E_h (V t j) (fun k => Dp t k j) (E_c (S t) j).

Theorem forward_core T :
  (forall j, (j < H)%nat -> chat 0 j = c0 j) ->
  (forall t j, (t < T)%nat -> (j < H)%nat -> exists ah,
     (forall k, Rabs (ah k - va (V t j) k) <= Dp t k j) /\ implementation_step ah (chat t j) (chat (S t) j) (hhat (S t)
       j)) ->
  (forall t j, (t < T)%nat -> (j < H)%nat -> oracle_step (cprev t j) (V t j)) ->
  forall t j, (t < T)%nat -> (j < H)%nat ->
    Rabs (chat (S t) j - vc (V t j)) <= E_c (S t) j /\ Rabs (hhat (S t) j - vh (V t j)) <= E_h t j.
Proof.
  intros Hc0 HB HO.
  assert (S1 : forall t j, (t < T)%nat -> (j < H)%nat -> Rabs (chat t j - cprev t j) <= E_c t j ->
     Rabs (chat (S t) j - vc (V t j)) <= E_c (S t) j /\ Rabs (hhat (S t) j - vh (V t j)) <= E_h t j).
  { intros t j Ht Hj HE. destruct (HB t j Ht Hj) as [ah [Da Bs]].
    exact (step_sound ah _ _ _ _ _ _ _ Bs (HO t j Ht Hj) Da HE). }
  induction t as [|t IH]; intros j Ht Hj; apply S1; try assumption.
  - simpl. rewrite (Hc0 j Hj). replace (c0 j - c0 j) with 0 by ring. rewrite Rabs_R0. lra.
  - apply IH; lia.
Qed.
End Core.

(* sums in any order, with FMA, exact zeros dropped: F4 at pre = 0 and wide_h = 0 *)
Section Dots.
Variables (hhat chat : nat -> nat -> R) (V : nat -> nat -> oval).
Definition D_any_order (t : nat) (k : gate) (j : nat) : R := preactivation_error t k j (hhat t).
Definition implementation_run (T : nat) : Prop :=
  (forall j, (j < H)%nat -> chat 0 j = c0 j) /\
  forall t j, (t < T)%nat -> (j < H)%nat -> exists ah,
    (forall k, exists n, (n <= N k j)%nat /\ dot (u_acc K) (eta K) n (terms t k j (hhat t)) (ah k)) /\
    implementation_step ah (chat t j) (chat (S t) j) (hhat (S t) j).
Definition oracle_run (T : nat) : Prop :=
  forall t j, (t < T)%nat -> (j < H)%nat ->
    (forall k, exists n, (n <= N k j)%nat /\ dot (u' Or) (eta' Or) n (terms t k j (hhat t)) (va (V t j) k)) /\
    oracle_step (cprev V t j) (V t j).

Hypothesis HN : forall k j, INR (N k j) * (INR (N k j) + 2) * u_acc K <= 2.
Theorem forward_sound T : implementation_run T -> oracle_run T ->
  forall t j, (t < T)%nat -> (j < H)%nat ->
    Rabs (chat (S t) j - vc (V t j)) <= E_c V D_any_order (S t) j /\ Rabs (hhat (S t) j - vh (V t j)) <= E_h V
      D_any_order t j.
Proof.
  intros [Hc0 HB] HO. apply (forward_core hhat chat V D_any_order T Hc0).
  - intros t j Ht Hj. destruct (HB t j Ht Hj) as [ah [Da Bs]]. exists ah. split; [|exact Bs].
    intros k. destruct (Da k) as [n [Ln Dn]]. destruct (HO t j Ht Hj) as [Do _]. destruct (Do k) as [n' [Ln' Dn']].
    exact (gate_da (N k j) (HN k j) n n' _ _ _ Ln Ln' Dn Dn').
  - intros t j Ht Hj. exact (proj2 (HO t j Ht Hj)).
Qed.
End Dots.

(* the same where sums round to nearest: no condition on a row beyond N u <= 1, and none of the terms to spare is used *)
Section JR.
Variables (hhat chat : nat -> nat -> R) (V : nat -> nat -> oval).
Definition D_nearest (t : nat) (k : gate) (j : nat) : R :=
  dot_bound (INR (N k j)) (u_acc K + u' Or) ETA (dota (terms t k j (hhat t))).
Hypothesis HJ : u_acc K <= / 2 /\ forall k j, INR (N k j) * u_acc K <= 1.
Theorem forward_sound_jr T :
  (forall j, (j < H)%nat -> chat 0 j = c0 j) ->
  (forall t j, (t < T)%nat -> (j < H)%nat -> exists ah,
    (forall k, exists n, (n <= N k j)%nat /\ jr (u_acc K) (eta K) n (terms t k j (hhat t)) (ah k)) /\
    implementation_step ah (chat t j) (chat (S t) j) (hhat (S t) j)) ->
  (forall t j, (t < T)%nat -> (j < H)%nat ->
    (forall k, exists n, (n <= N k j)%nat /\ jr (u' Or) (eta' Or) n (terms t k j (hhat t)) (va (V t j) k)) /\
    oracle_step (cprev V t j) (V t j)) ->
  forall t j, (t < T)%nat -> (j < H)%nat ->
    Rabs (chat (S t) j - vc (V t j)) <= E_c V D_nearest (S t) j /\ Rabs (hhat (S t) j - vh (V t j)) <= E_h V D_nearest t
      j.
Proof.
  intros Hc0 HB HO. apply (forward_core hhat chat V D_nearest T Hc0).
  - intros t j Ht Hj. destruct (HB t j Ht Hj) as [ah [Da Bs]]. exists ah. split; [|exact Bs].
    intros k. destruct (Da k) as [n [Ln Dn]]. destruct (HO t j Ht Hj) as [Do _]. destruct (Do k) as [n' [Ln' Dn']].
    pose proof HETA2 as E2.
    destruct K0 as (A0&A1&A2&A3&A4&A5&A6&A7&A8&A9&A10), O0 as (B0&B1&B2&B3&B4). destruct Hu' as [H1 H2]. destruct HJ as
      [J1 J2].
    pose proof (le_INR _ _ Ln) as L. pose proof (le_INR _ _ Ln') as L'. pose proof (pos_INR n) as P. pose proof (pos_INR
      n') as P'.
    assert (C : INR n * u_acc K <= 1) by (eapply Rle_trans; [|exact (J2 k j)]; apply Rmult_le_compat_r; lra).
    assert (C' : INR n' * u' Or <= 1) by (eapply Rle_trans; [|exact (J2 k j)]; apply Rmult_le_compat; lra).
    pose proof (dot_nearest _ _ _ _ _ (conj A1 J1) A8 C Dn) as X1.
    assert (J1' : u' Or <= / 2) by lra.
    pose proof (dot_nearest _ _ _ _ _ (conj B0 J1') B3 C' Dn') as X2. unfold D_nearest.
    set (l := terms t k j (hhat t)) in *. pose proof (dota_pos l) as Q.
    replace (ah k - va (V t j) k) with ((ah k - dotx l) - (va (V t j) k - dotx l)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp. unfold dot_bound in *.
    assert (INR n * u_acc K * dota l <= INR (N k j) * u_acc K * dota l) by (apply Rmult_le_compat_r; [lra|]; apply
      Rmult_le_compat_r; lra).
    assert (INR n' * u' Or * dota l <= INR (N k j) * u' Or * dota l) by (apply Rmult_le_compat_r; [lra|]; apply
      Rmult_le_compat_r; lra).
    assert (INR n * eta K <= INR (N k j) * eta K) by (apply Rmult_le_compat_r; lra).
    assert (INR n' * eta' Or <= INR (N k j) * eta' Or) by (apply Rmult_le_compat_r; lra).
    assert (INR (N k j) * (eta K + eta' Or) <= INR (N k j) * ETA) by (apply Rmult_le_compat_l; [apply pos_INR|lra]).
    lra.
  - intros t j Ht Hj. exact (proj2 (HO t j Ht Hj)).
Qed.
End JR.
End Forward.
