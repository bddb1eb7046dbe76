(* F4 and F13, the term with pre: extra roundings of finished partial sums, as a statement of its own. *)
From Coq Require Import Reals Lra Psatz List Lia.
From LSTM Require Import Activations DotProducts.
Import ListNotations.
Open Scope R_scope.
(* m roundings of x, one after the other, give y *)
Inductive chain (u : R) : nat -> R -> R -> Prop :=
| ch0 x : chain u 0 x x
| chS m x y z : chain u m x y -> Rabs (z - y) <= u * Rabs y -> chain u (S m) x z.
Lemma chain_err u m x y : 0 <= u -> chain u m x y -> Rabs (y - x) <= (pw u m - 1) * Rabs x.
Proof.
  intros Hu. induction 1.
  - unfold pw; simpl. replace (x - x) with 0 by ring. rewrite Rabs_R0. lra.
  - rewrite pw_S. pose proof (Rabs_near _ _ _ IHchain) as N. pose proof (Rabs_pos x).
    replace (z - x) with ((z - y) + (y - x)) by ring. eapply Rle_trans; [apply Rabs_triang|].
    assert (u * Rabs y <= u * (pw u m * Rabs x)) by (apply Rmult_le_compat_l; lra). lra.
Qed.
(* a sum of partials Ph, each within e of its exact value P, and each rounded at most m times more *)
Inductive psum (u : R) (m : nat) : list (R * R) -> list R -> R -> Prop :=
| ps0 : psum u m [] [] 0
| psS P e l Ph y lh s k : psum u m l lh s -> Rabs (Ph - P) <= e -> (k <= m)%nat -> chain u k Ph y ->
    psum u m ((P, e) :: l) (Ph :: lh) (y + s).
Definition sumP (l : list (R * R)) := fold_right (fun p s => fst p + s) 0 l.
Definition sumA (l : list (R * R)) := fold_right (fun p s => Rabs (fst p) + s) 0 l.
Definition sumE (l : list (R * R)) := fold_right (fun p s => snd p + s) 0 l.
(* A: the sum of the magnitudes of the partials, E: of their errors *)
Definition pre_error (u : R) (m : nat) (A E : R) : R := E + (pw u m - 1) * (A + E).
Theorem pre_sound u m l lh s : 0 <= u -> psum u m l lh s ->
  Rabs (s - sumP l) <= pre_error u m (sumA l) (sumE l).
Proof.
  intros Hu. unfold pre_error. induction 1; simpl.
  - replace (0 - 0) with 0 by ring. rewrite Rabs_R0. lra.
  - pose proof (chain_err _ _ _ _ Hu H2) as C. pose proof (pw_mono u k m Hu H1) as M. pose proof (pw_ge1 u k Hu).
    pose proof (Rabs_near _ _ _ H0) as N. pose proof (Rabs_pos Ph).
    assert ((pw u k - 1) * Rabs Ph <= (pw u m - 1) * (Rabs P + e)) by (apply Rmult_le_compat; lra).
    replace (y + s - (P + sumP l)) with ((y - Ph) + (Ph - P) + (s - sumP l)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. pose proof (Rabs_triang (y - Ph) (Ph - P)). lra.
Qed.
