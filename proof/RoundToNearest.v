(* F4 where sums round to nearest: n u for n terms, without second order (Jeannerod & Rump 2013), in any order,
   with FMA, underflow included. *)
From Coq Require Import Reals Lra Psatz List Permutation Lia.
From LSTM Require Import DotProducts.
Import ListNotations.
Open Scope R_scope.

(* round-to-nearest facts used: relative error u/(1+u); an addition of two floats errs by at most either operand
   (both are floats) and never underflows; an fma errs by at most its product; a product or an fma may instead
   underflow by eta *)
Inductive jr (u eta : R) : nat -> list (R * R) -> R -> Prop :=
| jr_mul x y z : (1 + u) * Rabs (z - x * y) <= u * Rabs (x * y) \/ Rabs (z - x * y) <= eta -> jr u eta 1 [(x, y)] z
| jr_add n1 n2 l1 l2 s1 s2 s : jr u eta n1 l1 s1 -> jr u eta n2 l2 s2 ->
    (1 + u) * Rabs (s - (s1 + s2)) <= u * Rabs (s1 + s2) -> Rabs (s - (s1 + s2)) <= Rabs s1 -> Rabs (s - (s1 + s2)) <=
      Rabs s2 ->
    jr u eta (n1 + n2) (l1 ++ l2) s
| jr_fma n l x y s1 s : jr u eta n l s1 ->
    ((1 + u) * Rabs (s - (x * y + s1)) <= u * Rabs (x * y + s1) /\ Rabs (s - (x * y + s1)) <= Rabs (x * y))
    \/ Rabs (s - (x * y + s1)) <= eta -> jr u eta (S n) ((x, y) :: l) s
| jr_skip n l x y s : jr u eta n l s -> x * y = 0 -> jr u eta n ((x, y) :: l) s
| jr_perm n l l' s : Permutation l l' -> jr u eta n l s -> jr u eta n l' s.

Lemma jr_pos u eta n l s : jr u eta n l s -> (1 <= n)%nat.
Proof. induction 1; lia. Qed.

(* the combining step: d <= u (n2 a1 + n1 a2) *)
Lemma jr_step u n1 n2 a1 a2 s1 s2 d : 0 <= u <= / 2 -> 1 <= n1 -> 1 <= n2 -> 0 <= a1 -> 0 <= a2 ->
  Rabs s1 <= a1 + n1 * u * a1 -> Rabs s2 <= a2 + n2 * u * a2 ->
  (n1 = 1 \/ 2 <= n1) -> (n2 = 1 \/ 2 <= n2) ->
  0 <= d -> (1 + u) * d <= u * Rabs (s1 + s2) -> d <= Rabs s1 -> d <= Rabs s2 ->
  d <= u * (n2 * a1 + n1 * a2).
Proof.
  intros Hu N1 N2 A1 A2 S1 S2 I1 I2 D0 D1 D2 D3.
  assert (na1 : 0 <= n1 * a2 ) by (apply Rmult_le_pos; lra). assert (na2 : 0 <= n2 * a1) by (apply Rmult_le_pos; lra).
  assert (P1 : 1 * (u * a2) <= n1 * (u * a2)) by (apply Rmult_le_compat_r; [apply Rmult_le_pos; lra|lra]).
  assert (P2 : 1 * (u * a1) <= n2 * (u * a1)) by (apply Rmult_le_compat_r; [apply Rmult_le_pos; lra|lra]).
  destruct (Rle_dec a2 (u * a1)) as [C1|C1].
  - (* a2 <= u a1 : d <= |s2| <= (1 + n2 u) a2 *)
    destruct I2 as [->|I2].
    + lra.
    + assert (n2 * u * a2 <= n2 * u * (u * a1)) by (apply Rmult_le_compat_l; [apply Rmult_le_pos; lra|lra]).
      assert (n2 * u <= n2 - 1).
      { assert (n2 * u <= n2 * / 2) by (apply Rmult_le_compat_l; lra). lra. }
      assert ((n2 * u) * (u * a1) <= (n2 - 1) * (u * a1)) by (apply Rmult_le_compat_r; [apply Rmult_le_pos; lra|lra]).
      assert (0 <= u * (n1 * a2)) by (apply Rmult_le_pos; lra). lra.
  - destruct (Rle_dec a1 (u * a2)) as [C2|C2].
    + destruct I1 as [->|I1].
      * lra.
      * assert (n1 * u * a1 <= n1 * u * (u * a2)) by (apply Rmult_le_compat_l; [apply Rmult_le_pos; lra|lra]).
        assert (n1 * u <= n1 - 1).
        { assert (n1 * u <= n1 * / 2) by (apply Rmult_le_compat_l; lra). lra. }
        assert ((n1 * u) * (u * a2) <= (n1 - 1) * (u * a2)) by (apply Rmult_le_compat_r; [apply Rmult_le_pos; lra|lra]).
        assert (0 <= u * (n2 * a1)) by (apply Rmult_le_pos; lra). lra.
    + (* comparable *)
      pose proof (Rabs_triang s1 s2) as T.
      assert (B1 : (n1 - 1) * (u * a1) <= (n1 - 1) * a2) by (apply Rmult_le_compat_l; lra).
      assert (B2 : (n2 - 1) * (u * a2) <= (n2 - 1) * a1) by (apply Rmult_le_compat_l; lra).
      assert (B : Rabs (s1 + s2) <= (1 + u) * (n2 * a1 + n1 * a2)).
      { assert (0 <= u * ((n2 - 1) * a1 + (n1 - 1) * a2)).
        { apply Rmult_le_pos; [lra|]. assert (0 <= (n2 - 1) * a1) by (apply Rmult_le_pos; lra).
          assert (0 <= (n1 - 1) * a2) by (apply Rmult_le_pos; lra). lra. }
        lra. }
      apply (Rmult_le_reg_l (1 + u)); [lra|].
      apply Rle_trans with (u * ((1 + u) * (n2 * a1 + n1 * a2))); [|lra].
      eapply Rle_trans; [exact D1|]. apply Rmult_le_compat_l; lra.
Qed.

Lemma INR_1_2 n : (1 <= n)%nat -> INR n = 1 \/ 2 <= INR n.
Proof. intros H. destruct n as [|[|n]]; [lia|left; reflexivity|right]. rewrite !S_INR. pose proof (pos_INR n). lra. Qed.

Lemma jr_inv u eta n l s : 0 <= u <= / 2 -> 0 <= eta -> jr u eta n l s ->
  exists T A, Rabs (s - T) <= INR n * u * A /\ Rabs (T - dotx l) <= INR n * eta /\ A <= dota l + INR n * eta /\ Rabs T
    <= A.
Proof.
  intros Hu He H. induction H.
  - destruct H as [H|H].
    + exists (x * y), (Rabs (x * y)). simpl. repeat split; try lra.
      * pose proof (Rabs_pos (z - x * y)). assert (0 <= u * Rabs (z - x * y)) by (apply Rmult_le_pos; lra). lra.
      * replace (x * y - (x * y + 0)) with 0 by ring. rewrite Rabs_R0. lra.
    + exists z, (Rabs z). simpl. repeat split; try lra.
      * replace (z - z) with 0 by ring. rewrite Rabs_R0. pose proof (Rabs_pos z). assert (0 <= u * Rabs z) by (apply
        Rmult_le_pos; lra). lra.
      * replace (z - (x * y + 0)) with (z - x * y) by ring. lra.
      * pose proof (Rabs_near z (x * y) eta H). lra.
  - pose proof (jr_pos _ _ _ _ _ H) as P1. pose proof (jr_pos _ _ _ _ _ H0) as P2.
    destruct IHjr1 as (T1&A1&E1&F1&G1&L1). destruct IHjr2 as (T2&A2&E2&F2&G2&L2).
    exists (T1 + T2), (A1 + A2). rewrite dotx_app, dota_app, plus_INR.
    pose proof (INR_1_2 _ P1) as I1. pose proof (INR_1_2 _ P2) as I2.
    assert (N1 : 1 <= INR n1) by (destruct I1; lra). assert (N2 : 1 <= INR n2) by (destruct I2; lra).
    pose proof (Rabs_pos T1). pose proof (Rabs_pos T2).
    repeat split.
    + set (d := Rabs (s - (s1 + s2))) in *.
      assert (K : d <= u * (INR n2 * A1 + INR n1 * A2)).
      { apply (jr_step u (INR n1) (INR n2) A1 A2 s1 s2 d); try assumption; try lra.
        - pose proof (Rabs_near _ _ _ E1). lra.
        - pose proof (Rabs_near _ _ _ E2). lra.
        - apply Rabs_pos. }
      replace (s - (T1 + T2)) with ((s - (s1 + s2)) + ((s1 - T1) + (s2 - T2))) by ring.
      eapply Rle_trans; [apply Rabs_triang|]. pose proof (Rabs_triang (s1 - T1) (s2 - T2)). fold d. lra.
    + replace (T1 + T2 - (dotx l1 + dotx l2)) with ((T1 - dotx l1) + (T2 - dotx l2)) by ring.
      eapply Rle_trans; [apply Rabs_triang|]. lra.
    + lra.
    + eapply Rle_trans; [apply Rabs_triang|]. lra.
  - pose proof (jr_pos _ _ _ _ _ H) as P1. destruct IHjr as (T1&A1&E1&F1&G1&L1).
    pose proof (INR_1_2 _ P1) as I1. assert (N1 : 1 <= INR n) by (destruct I1; lra).
    pose proof (Rabs_pos T1). rewrite S_INR. simpl dotx; simpl dota; simpl fst; simpl snd.
    set (t := x * y) in *. pose proof (Rabs_pos t) as Pt. set (k := INR n) in *.
    destruct H0 as [[D1 D2]|D].
    + exists (t + T1), (Rabs t + A1). repeat split.
      * set (d := Rabs (s - (t + s1))) in *. assert (D0 : 0 <= d) by apply Rabs_pos.
        assert (S1 : Rabs s1 <= A1 + k * u * A1) by (pose proof (Rabs_near _ _ _ E1); lra).
        assert (Kk : d <= u * A1 + (k + 1) * u * Rabs t).
        { assert (Q0 : 0 <= u * A1) by (apply Rmult_le_pos; lra).
          assert (Q1 : 0 <= k * (u * Rabs t)) by (apply Rmult_le_pos; [lra|apply Rmult_le_pos; lra]).
          assert (Q2 : 0 <= u * Rabs t) by (apply Rmult_le_pos; lra).
          destruct (Rle_dec (Rabs t) (u * A1)) as [C|C]; [lra|].
          assert (B : k * (u * A1) <= k * Rabs t) by (apply Rmult_le_compat_l; lra).
          pose proof (Rabs_triang t s1).
          assert (u * Rabs (t + s1) <= u * (Rabs t + A1 + k * Rabs t)) by (apply Rmult_le_compat_l; lra).
          assert (0 <= u * d) by (apply Rmult_le_pos; lra). lra. }
        replace (s - (t + T1)) with ((s - (t + s1)) + (s1 - T1)) by ring.
        eapply Rle_trans; [apply Rabs_triang|]. fold d. lra.
      * replace (t + T1 - (t + dotx l)) with (T1 - dotx l) by ring. lra.
      * lra.
      * eapply Rle_trans; [apply Rabs_triang|]. lra.
    + set (t' := s - s1). exists (t' + T1), (Rabs t' + A1).
      assert (Nt : Rabs (t' - t) <= eta) by (unfold t'; replace (s - s1 - t) with (s - (t + s1)) by ring; exact D).
      pose proof (Rabs_near _ _ _ Nt) as Nt'. pose proof (Rabs_pos t') as Pt'.
      repeat split.
      * replace (s - (t' + T1)) with (s1 - T1) by (unfold t'; ring).
        assert (0 <= u * A1) by (apply Rmult_le_pos; lra).
        assert (0 <= (k + 1) * u * Rabs t') by (apply Rmult_le_pos; [apply Rmult_le_pos; lra|lra]). lra.
      * replace (t' + T1 - (t + dotx l)) with ((t' - t) + (T1 - dotx l)) by ring.
        eapply Rle_trans; [apply Rabs_triang|]. lra.
      * lra.
      * eapply Rle_trans; [apply Rabs_triang|]. lra.
  - simpl dotx; simpl dota; simpl fst; simpl snd. rewrite H0, Rabs_R0.
    replace (0 + dotx l) with (dotx l) by ring. rewrite Rplus_0_l. exact IHjr.
  - rewrite <- (dotx_perm _ _ H), <- (dota_perm _ _ H). exact IHjr.
Qed.

(* n is the number of terms, with none to spare; the only condition on it, n u <= 1, is there for eta *)
Theorem jr_error u eta n l s : 0 <= u <= / 2 -> 0 <= eta -> jr u eta n l s ->
  Rabs (s - dotx l) <= INR n * u * dota l + (1 + INR n * u) * (INR n * eta).
Proof.
  intros Hu He H. destruct (jr_inv _ _ _ _ _ Hu He H) as (T&A&E&F&G&_). pose proof (pos_INR n).
  assert (INR n * u * A <= INR n * u * (dota l + INR n * eta)) by (apply Rmult_le_compat_l; [apply Rmult_le_pos;
    lra|lra]).
  replace (s - dotx l) with ((s - T) + (T - dotx l)) by ring. eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.
Corollary dot_nearest u eta n l s : 0 <= u <= / 2 -> 0 <= eta -> INR n * u <= 1 -> jr u eta n l s ->
  Rabs (s - dotx l) <= dot_bound (INR n) u eta (dota l).
Proof.
  intros Hu He C H. pose proof (jr_error _ _ _ _ _ Hu He H) as E. unfold dot_bound. pose proof (pos_INR n).
  assert (0 <= INR n * eta) by (apply Rmult_le_pos; lra).
  assert ((1 + INR n * u) * (INR n * eta) <= 2 * (INR n * eta)) by (apply Rmult_le_compat_r; lra). lra.
Qed.
