(* F10, the product rule: products of factors that have moved, in any association, underflow included. F11 and F12 are
   defined here, and proved in TwoProducts.v. *)
From Coq Require Import Reals Lra Psatz List Permutation Lia.
From LSTM Require Import Activations DotProducts CellStep.
Import ListNotations.
Open Scope R_scope.

Definition prodl (l : list R) : R := fold_right Rmult 1 l.
Definition mxl (l : list R) : R := fold_right (fun v s => Rmax 1 (Rabs v) * s) 1 l.
Lemma prodl_app a b : prodl (a ++ b) = prodl a * prodl b.
Proof. induction a; simpl; [ring|rewrite IHa; ring]. Qed.
Lemma mxl_app a b : mxl (a ++ b) = mxl a * mxl b.
Proof. induction a; simpl; [ring|rewrite IHa; ring]. Qed.
Lemma prodl_perm a b : Permutation a b -> prodl a = prodl b.
Proof. induction 1; simpl; try congruence; ring. Qed.
Lemma mxl_perm a b : Permutation a b -> mxl a = mxl b.
Proof. induction 1; simpl; try congruence; ring. Qed.
Lemma mxl_ge1 l : 1 <= mxl l.
Proof.
  induction l; simpl; [lra|]. pose proof (Rmax_l 1 (Rabs a)).
  apply Rle_trans with (1 * 1); [lra|]. apply Rmult_le_compat; lra.
Qed.
Lemma prodl_le_mxl l : Rabs (prodl l) <= mxl l.
Proof.
  induction l; simpl. rewrite Rabs_R1; lra. rewrite Rabs_mult.
  apply Rmult_le_compat; try apply Rabs_pos; [apply Rmax_r|assumption].
Qed.

Inductive pev (u eta : R) : list R -> nat -> R -> Prop :=
| pev_leaf v : pev u eta [v] 0 v
| pev_mul l1 l2 m1 m2 p1 p2 p : pev u eta l1 m1 p1 -> pev u eta l2 m2 p2 ->
    rnd u eta (p1 * p2) p -> pev u eta (l1 ++ l2) (S (m1 + m2)) p
| pev_perm l l' m p : Permutation l l' -> pev u eta l m p -> pev u eta l' m p.

Theorem pev_error u eta l m p : 0 <= u -> 0 <= eta -> pev u eta l m p ->
  Rabs (p - prodl l) <= (pw u m - 1) * Rabs (prodl l) + pw u m * (pw eta m - 1) * mxl l.
Proof.
  intros Hu He H. induction H.
  - unfold pw; simpl. replace (v - v * 1) with 0 by ring. rewrite Rabs_R0. lra.
  - rewrite prodl_app, mxl_app, Rabs_mult.
    pose proof (pw_ge1 u m1 Hu) as X1. pose proof (pw_ge1 u m2 Hu) as X2.
    pose proof (pw_ge1 eta m1 He) as Y1. pose proof (pw_ge1 eta m2 He) as Y2.
    pose proof (mxl_ge1 l1) as M1. pose proof (mxl_ge1 l2) as M2.
    pose proof (prodl_le_mxl l1) as L1. pose proof (prodl_le_mxl l2) as L2.
    replace (pw u (S (m1 + m2))) with ((1 + u) * (pw u m1 * pw u m2)) by (unfold pw; simpl; now rewrite pow_add).
    replace (pw eta (S (m1 + m2))) with ((1 + eta) * (pw eta m1 * pw eta m2)) by (unfold pw; simpl; now rewrite
      pow_add).
    set (P1 := prodl l1) in *. set (P2 := prodl l2) in *.
    set (D1 := Rabs (p1 - P1)) in *. set (D2 := Rabs (p2 - P2)) in *.
    pose proof (Rabs_pos P1) as Q1. pose proof (Rabs_pos P2) as Q2.
    set (a1 := Rabs P1) in *. set (a2 := Rabs P2) in *.
    set (x1 := pw u m1) in *. set (x2 := pw u m2) in *. set (y1 := pw eta m1) in *. set (y2 := pw eta m2) in *.
    set (w1 := mxl l1) in *. set (w2 := mxl l2) in *.
    assert (T : Rabs (p - P1 * P2) <= (1 + u) * ((a1 + D1) * (a2 + D2)) - a1 * a2 + eta).
    { pose proof (prod2 P1 P2 p1 p2 D1 D2 (Rle_refl _) (Rle_refl _)) as PP. fold a1 a2 in PP.
      replace (p - P1 * P2) with ((p - p1 * p2) + (p1 * p2 - P1 * P2)) by ring.
      eapply Rle_trans; [apply Rabs_triang|]. unfold rnd in H1.
      assert (N : Rabs (p1 * p2) <= (a1 + D1) * (a2 + D2)).
      { rewrite Rabs_mult. apply Rmult_le_compat; try apply Rabs_pos; apply Rabs_near; apply Rle_refl. }
      assert (u * Rabs (p1 * p2) <= u * ((a1 + D1) * (a2 + D2))) by (apply Rmult_le_compat_l; lra). lra. }
    eapply Rle_trans; [exact T|].
    assert (B1 : a1 + D1 <= x1 * (a1 + (y1 - 1) * w1)) by lra.
    assert (B2 : a2 + D2 <= x2 * (a2 + (y2 - 1) * w2)) by lra.
    assert (D1p : 0 <= D1) by apply Rabs_pos. assert (D2p : 0 <= D2) by apply Rabs_pos.
    assert (S1 : (a1 + (y1 - 1) * w1) * (a2 + (y2 - 1) * w2) <= a1 * a2 + (y1 * y2 - 1) * (w1 * w2)).
    { assert (a1 * ((y2 - 1) * w2) <= w1 * ((y2 - 1) * w2)) by (apply Rmult_le_compat_r; [apply Rmult_le_pos; lra|lra]).
      assert (a2 * ((y1 - 1) * w1) <= w2 * ((y1 - 1) * w1)) by (apply Rmult_le_compat_r; [apply Rmult_le_pos; lra|lra]).
        lra. }
    assert (B : (a1 + D1) * (a2 + D2) <= x1 * x2 * (a1 * a2 + (y1 * y2 - 1) * (w1 * w2))).
    { apply Rle_trans with ((x1 * (a1 + (y1 - 1) * w1)) * (x2 * (a2 + (y2 - 1) * w2))).
      apply Rmult_le_compat; lra.
      replace (x1 * (a1 + (y1 - 1) * w1) * (x2 * (a2 + (y2 - 1) * w2))) with
        (x1 * x2 * ((a1 + (y1 - 1) * w1) * (a2 + (y2 - 1) * w2))) by ring.
      apply Rmult_le_compat_l; [|assumption]. apply Rmult_le_pos; lra. }
    assert (B' : (1 + u) * ((a1 + D1) * (a2 + D2)) <= (1 + u) * (x1 * x2 * (a1 * a2 + (y1 * y2 - 1) * (w1 * w2)))) by
      (apply Rmult_le_compat_l; lra).
    assert (F : eta <= (1 + u) * (x1 * x2) * (eta * (y1 * y2)) * (w1 * w2)).
    { assert (1 <= x1 * x2) by (apply Rle_trans with (1*1); [lra|apply Rmult_le_compat; lra]).
      assert (1 <= y1 * y2) by (apply Rle_trans with (1*1); [lra|apply Rmult_le_compat; lra]).
      assert (1 <= w1 * w2) by (apply Rle_trans with (1*1); [lra|apply Rmult_le_compat; lra]).
      assert (1 <= (1+u) * (x1 * x2)) by (apply Rle_trans with (1*1); [lra|apply Rmult_le_compat; lra]).
      apply Rle_trans with (1 * (eta * 1) * 1); [lra|].
      apply Rmult_le_compat; try lra. apply Rmult_le_compat; try lra. apply Rmult_le_compat_l; lra. }
    lra.
  - rewrite <- (prodl_perm _ _ H), <- (mxl_perm _ _ H). exact IHpev.
Qed.

(* rounding.product: value and error of a list of factors, and the largest that what underflows can become *)
Fixpoint factors_error (p e : R) (l : list (R * R)) : R * R :=
  match l with [] => (p, e) | (v, d) :: l => factors_error (p * v) (e * (Rabs v + d) + Rabs p * d) l end.
Fixpoint largest (l : list (R * R)) : R :=
  match l with [] => 1 | (v, d) :: l => Rmax 1 (Rabs v + d) * largest l end.
Definition product_value (v0 d0 : R) l := fst (factors_error v0 d0 l).
Definition product_error_in (v0 d0 : R) l := snd (factors_error v0 d0 l).

Definition near (f : R * R) (vh : R) : Prop := Rabs (vh - fst f) <= snd f.

Lemma pe_near l : forall lh p e ph, Forall2 near l lh -> Rabs (ph - p) <= e ->
  Rabs (ph * prodl lh - fst (factors_error p e l)) <= snd (factors_error p e l).
Proof.
  induction l as [|[v d] l IH]; intros lh p e ph HF Hp; inversion HF; subst; simpl.
  - now rewrite Rmult_1_r.
  - rewrite <- Rmult_assoc. apply IH; [assumption|]. unfold near in H1; simpl in H1.
    apply prod2; assumption.
Qed.

Lemma mx_near l lh : Forall2 near l lh -> mxl lh <= largest l.
Proof.
  induction 1 as [|[v d] vh l lh Hn HF IH]; simpl; [lra|].
  pose proof (Rmax_l 1 (Rabs vh)). pose proof (mxl_ge1 lh).
  apply Rmult_le_compat; try lra.
  unfold near in Hn; simpl in Hn. apply Rle_max_compat_l. now apply Rabs_near.
Qed.

Lemma pw_quad u m : 0 <= u -> INR m * u <= 1 -> pw u m - 1 <= INR m * u * (1 + INR m * u).
Proof.
  intros Hu. induction m as [|m IH]; intros H.
  - unfold pw; simpl; lra.
  - rewrite pw_S. rewrite S_INR in *. pose proof (pos_INR m) as Pm.
    assert (A : INR m * u <= 1) by lra. specialize (IH A).
    set (k := INR m) in *.
    assert (0 <= k * u) by (apply Rmult_le_pos; lra).
    assert ((1 + u) * (pw u m) <= (1 + u) * (1 + k * u * (1 + k * u))) by (apply Rmult_le_compat_l; lra).
    set (z := k * u) in *.
    assert (u * (z * z) <= u * (z * 1)) by (apply Rmult_le_compat_l; [lra|apply Rmult_le_compat_l; lra]).
    replace ((k + 1) * u * (1 + (k + 1) * u)) with ((z + u) * (1 + (z + u))) by (unfold z; ring).
    assert (0 <= u * z) by (apply Rmult_le_pos; lra). assert (0 <= u * u) by (apply Rmult_le_pos; lra).
    lra.
Qed.

(* the rule with m multiplications and nothing neglected *)
Theorem prod_true v0 d0 l v0h lh m u eta p :
  0 <= u -> 0 <= eta -> near (v0, d0) v0h -> Forall2 near l lh -> pev u eta (v0h :: lh) m p ->
  Rabs (p - product_value v0 d0 l) <=
    product_error_in v0 d0 l + (pw u m - 1) * (Rabs (product_value v0 d0 l) + product_error_in v0 d0 l)
    + pw u m * (pw eta m - 1) * largest ((v0, d0) :: l).
Proof.
  intros Hu He H0 HF HP. pose proof (pev_error _ _ _ _ _ Hu He HP) as PE.
  unfold near in H0; simpl in H0. pose proof (pe_near l lh v0 d0 v0h HF H0) as N.
  change (prodl (v0h :: lh)) with (v0h * prodl lh) in PE. unfold product_value, product_error_in.
  set (P := v0h * prodl lh) in *. set (q := fst (factors_error v0 d0 l)) in *. set (e := snd (factors_error v0 d0 l)) in
    *.
  pose proof (Rabs_near _ _ _ N) as NP.
  assert (MX : mxl (v0h :: lh) <= largest ((v0, d0) :: l)) by (apply mx_near; constructor; assumption).
  pose proof (pw_ge1 u m Hu). pose proof (pw_ge1 eta m He).
  assert ((pw u m - 1) * Rabs P <= (pw u m - 1) * (Rabs q + e)) by (apply Rmult_le_compat_l; lra).
  assert (pw u m * (pw eta m - 1) * mxl (v0h :: lh) <= pw u m * (pw eta m - 1) * largest ((v0, d0) :: l)).
  { apply Rmult_le_compat_l; [|assumption]. apply Rmult_le_pos; lra. }
  replace (p - q) with ((p - P) + (P - q)) by ring. eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

Lemma largest_ge1 l : 1 <= largest l.
Proof. induction l as [|[v d] l IH]; simpl; [lra|]. pose proof (Rmax_l 1 (Rabs v + d)).
  apply Rle_trans with (1*1); [lra|apply Rmult_le_compat; lra]. Qed.

Lemma product_error_in_pos v0 d0 l v0h lh : near (v0, d0) v0h -> Forall2 near l lh -> 0 <= product_error_in v0 d0 l.
Proof.
  intros H HF. unfold near in H; simpl in H. pose proof (pe_near l lh v0 d0 v0h HF H).
  unfold product_error_in. pose proof (Rabs_pos (v0h * prodl lh - fst (factors_error v0 d0 l))). lra.
Qed.

(* F11 and F12, rounding.one_minus and rounding.one_minus_square, at the value v that the oracle computed *)
Definition one_minus_error (ds v u : R) : R := ds + u * (v + ds).
Definition one_minus_square_error (y dy v u eta : R) : R :=
  (2 * Rabs y * dy + dy * dy) + u * (Rabs y + dy) * (1 + Rabs y + dy) + u * (v + (2 * Rabs y * dy + dy * dy)) + eta.

(* the last factor apart: its true error may be (1 + u) times the one recorded *)
Lemma pe_app l v d : forall p e, factors_error p e (l ++ [(v, d)]) =
  (fst (factors_error p e l) * v, snd (factors_error p e l) * (Rabs v + d) + Rabs (fst (factors_error p e l)) * d).
Proof. induction l as [|[v' d'] l IH]; intros p e; simpl; [reflexivity|apply IH]. Qed.
Lemma mx_app l v d : largest (l ++ [(v, d)]) = largest l * Rmax 1 (Rabs v + d).
Proof. induction l as [|[v' d'] l IH]; simpl; [ring|rewrite IH; ring]. Qed.
