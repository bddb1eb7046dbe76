(* The error model of one operation (section 3 of docs/accuracy.md), and F4 where accumulators need not round to
   nearest: dot products in any order, with FMA, exact zeros dropped, underflow included. *)
From Coq Require Import Reals Lra Psatz List Permutation Lia.
Import ListNotations.
Open Scope R_scope.

(* y is an admissible result of an operation whose exact result is x *)
Definition rnd (u eta x y : R) : Prop := Rabs (y - x) <= u * Rabs x + eta.

Lemma rnd_iff u eta x y : 0 <= u -> 0 <= eta ->
  rnd u eta x y <-> exists d e, Rabs d <= u /\ Rabs e <= eta /\ y = x * (1 + d) + e.
Proof.
  intros Hu He. unfold rnd. split.
  - intros H.
    destruct (Rle_dec (Rabs (y - x)) (u * Rabs x)) as [Hle|Hgt].
    + destruct (Req_dec x 0) as [->|Hx].
      * exists 0, 0. rewrite Rabs_R0 in *. repeat split; try lra.
        assert (Rabs (y - 0) = 0) by (pose proof (Rabs_pos (y-0)); lra).
        destruct (Req_dec (y - 0) 0) as [Hy|Hy]; [lra|]. apply Rabs_no_R0 in Hy. lra.
      * exists ((y - x) / x), 0. rewrite Rabs_R0. repeat split; try lra.
        -- unfold Rdiv. rewrite Rabs_mult, Rabs_inv. pose proof (Rabs_pos_lt x Hx).
           apply (Rmult_le_reg_r (Rabs x)); [lra|]. rewrite Rmult_assoc, Rinv_l; lra.
        -- field. lra.
    + (* take d = +-u with the sign of (y-x)*x, e the rest *)
      assert (Hs : exists d, Rabs d <= u /\ Rabs (y - x - d * x) <= eta).
      { destruct (Rle_dec 0 (y - x)) as [Hp|Hn]; destruct (Rle_dec 0 x) as [Xp|Xn].
        - exists u. rewrite (Rabs_pos_eq u) by lra. rewrite (Rabs_pos_eq x) in * by lra.
          rewrite (Rabs_pos_eq (y-x)) in * by lra. split; [lra|]. apply Rabs_le; lra.
        - exists (-u). rewrite Rabs_Ropp, (Rabs_pos_eq u) by lra. rewrite (Rabs_left x) in * by lra.
          rewrite (Rabs_pos_eq (y-x)) in * by lra. split; [lra|]. apply Rabs_le; lra.
        - exists (-u). rewrite Rabs_Ropp, (Rabs_pos_eq u) by lra. rewrite (Rabs_pos_eq x) in * by lra.
          rewrite (Rabs_left (y-x)) in * by lra. split; [lra|]. apply Rabs_le; lra.
        - exists u. rewrite (Rabs_pos_eq u) by lra. rewrite (Rabs_left x) in * by lra.
          rewrite (Rabs_left (y-x)) in * by lra. split; [lra|]. apply Rabs_le; lra. }
      destruct Hs as [d [Hd Hr]]. exists d, (y - x - d * x). repeat split; try lra.
  - intros [d [e [Hd [Hee ->]]]].
    replace (x * (1 + d) + e - x) with (d * x + e) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult.
    apply Rplus_le_compat; [|assumption]. apply Rmult_le_compat_r; [apply Rabs_pos|assumption].
Qed.

Lemma rnd_exact u eta x : 0 <= u -> 0 <= eta -> rnd u eta x x.
Proof.
  intros. unfold rnd. replace (x - x) with 0 by ring. rewrite Rabs_R0.
  pose proof (Rabs_pos x). nra.
Qed.

Lemma Rabs_near x y d : Rabs (x - y) <= d -> Rabs x <= Rabs y + d.
Proof. intros H. replace x with (y + (x - y)) by ring. eapply Rle_trans; [apply Rabs_triang|lra]. Qed.

(* the product rule of two factors that have moved *)
Lemma prod2 x y xh yh dx dy : Rabs (xh - x) <= dx -> Rabs (yh - y) <= dy ->
  Rabs (xh * yh - x * y) <= dx * (Rabs y + dy) + Rabs x * dy.
Proof.
  intros Hx Hy. replace (xh * yh - x * y) with ((xh - x) * yh + x * (yh - y)) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. rewrite !Rabs_mult.
  pose proof (Rabs_near _ _ _ Hy). pose proof (Rabs_pos x). pose proof (Rabs_pos (xh-x)). pose proof (Rabs_pos yh).
  apply Rplus_le_compat; [apply Rmult_le_compat; lra|apply Rmult_le_compat_l; lra].
Qed.

(* one rounding of the implementation and one of the oracle *)
Lemma rnd2 u a u' a' zh z e s s' : 0 <= u -> 0 <= u' ->
  Rabs (zh - z) <= e -> rnd u a zh s -> rnd u' a' z s' ->
  Rabs (s - s') <= e + (u + u') * (Rabs z + e) + (a + a').
Proof.
  unfold rnd. intros Hu Hu' H1 H2 H3.
  replace (s - s') with ((s - zh) + (zh - z) + (z - s')) by ring.
  eapply Rle_trans; [apply Rabs_triang|].
  pose proof (Rabs_triang (s - zh) (zh - z)). pose proof (Rabs_near _ _ _ H1).
  rewrite (Rabs_minus_sym z s'). pose proof (Rabs_pos z). pose proof (Rabs_pos zh).
  assert (0 <= e) by (pose proof (Rabs_pos (zh - z)); lra).
  assert (u * Rabs zh <= u * (Rabs z + e)) by (apply Rmult_le_compat_l; lra).
  assert (u' * Rabs z <= u' * (Rabs z + e)) by (apply Rmult_le_compat_l; lra). lra.
Qed.

(* the implementation rounds and stores, the oracle rounds once; measured at the value s' that the oracle computed *)
Lemma rnd_store u a us b u' a' zh z e s t s' :
  0 <= u -> 0 <= us -> 0 <= u' -> 0 <= a -> 0 <= a' ->
  u' <= u -> u + u' + us <= 1 ->
  Rabs (zh - z) <= e -> rnd u a zh s -> rnd us b s t -> rnd u' a' z s' ->
  Rabs (t - s') <= e + (u + u' + us) * (Rabs s' + e) * (1 + (u + u')) + (a * (1 + us) + b + 3 * a').
Proof.
  unfold rnd. intros Hu Hus Hu' Ha Ha' Hle H1 Hz Hs Ht Hs'.
  pose proof (Rabs_near _ _ _ Hz) as Nz. pose proof (Rabs_pos z) as Pz. pose proof (Rabs_pos s') as Ps'.
  assert (He : 0 <= e) by (pose proof (Rabs_pos (zh - z)); lra).
  assert (Ns : Rabs s <= (1 + u) * Rabs zh + a) by (pose proof (Rabs_near _ _ _ Hs); lra).
  assert (Nz' : (1 - u') * Rabs z <= Rabs s' + a').
  { rewrite Rabs_minus_sym in Hs'. pose proof (Rabs_near _ _ _ Hs'). lra. }
  assert (T : Rabs (t - s') <= Rabs (t - s) + Rabs (s - zh) + Rabs (zh - z) + Rabs (s' - z)).
  { replace (t - s') with ((t - s) + (s - zh) + (zh - z) + - (s' - z)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp.
    pose proof (Rabs_triang (t - s + (s - zh)) (zh - z)). pose proof (Rabs_triang (t - s) (s - zh)). lra. }
  set (k := u + us * (1 + u)).
  assert (Hk : 0 <= k) by (unfold k; nra).
  assert (B1 : Rabs (t - s) + Rabs (s - zh) <= k * (Rabs z + e) + a * (1 + us) + b).
  { assert (us * Rabs s <= us * ((1 + u) * Rabs zh + a)) by (apply Rmult_le_compat_l; lra).
    assert (k * Rabs zh <= k * (Rabs z + e)) by (apply Rmult_le_compat_l; lra). unfold k in *. lra. }
  (* (k+u') |z| <= G |s'| + 2 a',   G = (u+u'+us)(1+u+u') *)
  set (G := (u + u' + us) * (1 + (u + u'))).
  assert (HG : k + u' <= G * (1 - u')).
  { unfold G, k.
    assert (0 <= (u + u') * (u - u' * (u + u' + us))).
    { apply Rmult_le_pos; [lra|]. assert (u' * (u + u' + us) <= u' * 1) by (apply Rmult_le_compat_l; lra). lra. }
    assert (0 <= us * u'). nra. nra. }
  assert (HG0 : 0 <= G) by (unfold G; apply Rmult_le_pos; lra).
  assert (HG2 : G <= 2) by (unfold G; nra).
  assert (B2 : (k + u') * Rabs z <= G * (Rabs s' + a')).
  { apply Rle_trans with (G * (1 - u') * Rabs z). apply Rmult_le_compat_r; lra.
    rewrite Rmult_assoc. apply Rmult_le_compat_l; lra. }
  assert (B3 : k * e <= G * e).
  { apply Rmult_le_compat_r; [lra|]. assert (G * (1 - u') <= G * 1) by (apply Rmult_le_compat_l; lra). lra. }
  assert (B4 : G * a' <= 2 * a') by (apply Rmult_le_compat_r; lra).
  replace ((u + u' + us) * (Rabs s' + e) * (1 + (u + u'))) with (G * (Rabs s' + e)) by (unfold G; ring).
  lra.
Qed.

Definition pw (u : R) (n : nat) : R := (1 + u) ^ n.
Lemma pw_ge1 u n : 0 <= u -> 1 <= pw u n.
Proof. intros. unfold pw. apply pow_R1_Rle. lra. Qed.
Lemma pw_mono u n m : 0 <= u -> (n <= m)%nat -> pw u n <= pw u m.
Proof. intros. unfold pw. apply Rle_pow; [lra|lia]. Qed.
Lemma pw_S u n : pw u (S n) = (1 + u) * pw u n.
Proof. reflexivity. Qed.

Definition dotx (l : list (R * R)) : R := fold_right (fun p s => fst p * snd p + s) 0 l.
Definition dota (l : list (R * R)) : R := fold_right (fun p s => Rabs (fst p * snd p) + s) 0 l.
Lemma dotx_app l1 l2 : dotx (l1 ++ l2) = dotx l1 + dotx l2.
Proof. induction l1; simpl; [ring|rewrite IHl1; ring]. Qed.
Lemma dota_app l1 l2 : dota (l1 ++ l2) = dota l1 + dota l2.
Proof. induction l1; simpl; [ring|rewrite IHl1; ring]. Qed.
Lemma dotx_perm l1 l2 : Permutation l1 l2 -> dotx l1 = dotx l2.
Proof. induction 1; simpl; lra. Qed.
Lemma dota_perm l1 l2 : Permutation l1 l2 -> dota l1 = dota l2.
Proof. induction 1; simpl; lra. Qed.
Lemma dota_pos l : 0 <= dota l.
Proof. induction l; simpl; [lra|]. pose proof (Rabs_pos (fst a * snd a)). lra. Qed.
Lemma dotx_le l : Rabs (dotx l) <= dota l.
Proof. induction l; simpl. rewrite Rabs_R0; lra. eapply Rle_trans; [apply Rabs_triang|]. lra. Qed.

(* any binary summation tree, in any order, FMA allowed at any node, exact zeros dropped.
   n = number of terms that are not dropped. *)
Inductive dot (u eta : R) : nat -> list (R * R) -> R -> Prop :=
| dot_mul x y z : rnd u eta (x * y) z -> dot u eta 1 [(x, y)] z
| dot_add n1 n2 l1 l2 s1 s2 s : dot u eta n1 l1 s1 -> dot u eta n2 l2 s2 ->
    rnd u eta (s1 + s2) s -> dot u eta (n1 + n2) (l1 ++ l2) s
| dot_fma n l x y s1 s : dot u eta n l s1 -> rnd u eta (x * y + s1) s -> dot u eta (S n) ((x, y) :: l) s
| dot_skip n l x y s : dot u eta n l s -> x * y = 0 -> dot u eta n ((x, y) :: l) s
| dot_perm n l l' s : Permutation l l' -> dot u eta n l s -> dot u eta n l' s.

Lemma dot_pos u eta n l s : dot u eta n l s -> (1 <= n)%nat.
Proof. induction 1; lia. Qed.

Theorem dot_error u eta n l s : 0 <= u -> 0 <= eta -> dot u eta n l s ->
  Rabs (s - dotx l) <= (pw u n - 1) * dota l + (2 * INR n - 1) * eta * pw u (n - 1).
Proof.
  intros Hu He H. induction H.
  - unfold rnd in H. simpl. unfold pw; simpl. replace (z - (x * y + 0)) with (z - x * y) by ring. lra.
  - pose proof (dot_pos _ _ _ _ _ H) as P1. pose proof (dot_pos _ _ _ _ _ H0) as P2.
    rewrite dotx_app, dota_app. unfold rnd in H1.
    pose proof (dota_pos l1) as A1. pose proof (dota_pos l2) as A2.
    set (e1 := Rabs (s1 - dotx l1)) in *. set (e2 := Rabs (s2 - dotx l2)) in *.
    assert (T : Rabs (s - (dotx l1 + dotx l2)) <= u * (dota l1 + dota l2) + (1 + u) * (e1 + e2) + eta).
    { assert (D : Rabs (s1 + s2 - (dotx l1 + dotx l2)) <= e1 + e2).
      { replace (s1 + s2 - (dotx l1 + dotx l2)) with ((s1 - dotx l1) + (s2 - dotx l2)) by ring. apply Rabs_triang. }
      replace (s - (dotx l1 + dotx l2)) with ((s - (s1 + s2)) + (s1 + s2 - (dotx l1 + dotx l2))) by ring.
      eapply Rle_trans; [apply Rabs_triang|].
      pose proof (Rabs_near _ _ _ D) as N. pose proof (Rabs_triang (dotx l1) (dotx l2)).
      pose proof (dotx_le l1). pose proof (dotx_le l2).
      assert (u * Rabs (s1 + s2) <= u * (dota l1 + dota l2 + (e1 + e2))) by (apply Rmult_le_compat_l; lra). lra. }
    eapply Rle_trans; [exact T|].
    assert (Q1 : (1 + u) * pw u n1 <= pw u (n1 + n2)) by (rewrite <- pw_S; apply pw_mono; [lra|lia]).
    assert (Q2 : (1 + u) * pw u n2 <= pw u (n1 + n2)) by (rewrite <- pw_S; apply pw_mono; [lra|lia]).
    assert (Q3 : (1 + u) * pw u (n1 - 1) <= pw u (n1 + n2 - 1)) by (rewrite <- pw_S; apply pw_mono; [lra|lia]).
    assert (Q4 : (1 + u) * pw u (n2 - 1) <= pw u (n1 + n2 - 1)) by (rewrite <- pw_S; apply pw_mono; [lra|lia]).
    assert (R1 : 1 <= pw u (n1 + n2 - 1)) by (apply pw_ge1; lra).
    rewrite plus_INR.
    assert (I1 : 1 <= INR n1) by (apply (le_INR 1); lia). assert (I2 : 1 <= INR n2) by (apply (le_INR 1); lia).
    set (N1 := INR n1) in *. set (N2 := INR n2) in *.
    set (a1 := dota l1) in *. set (a2 := dota l2) in *.
    assert (M1 : (1+u) * e1 <= (pw u (n1+n2) - 1 - u) * a1 + (2 * N1 - 1) * eta * pw u (n1 + n2 - 1)).
    { apply Rle_trans with ((1+u) * ((pw u n1 - 1) * a1 + (2 * N1 - 1) * eta * pw u (n1 - 1))).
      apply Rmult_le_compat_l; lra.
      assert ((1+u) * (pw u n1 - 1) * a1 <= (pw u (n1+n2) - 1 - u) * a1) by (apply Rmult_le_compat_r; lra).
      assert ((2 * N1 - 1) * eta * ((1+u) * pw u (n1 - 1)) <= (2 * N1 - 1) * eta * pw u (n1 + n2 - 1)).
      { apply Rmult_le_compat_l; [|lra]. apply Rmult_le_pos; lra. }
      lra. }
    assert (M2 : (1+u) * e2 <= (pw u (n1+n2) - 1 - u) * a2 + (2 * N2 - 1) * eta * pw u (n1 + n2 - 1)).
    { apply Rle_trans with ((1+u) * ((pw u n2 - 1) * a2 + (2 * N2 - 1) * eta * pw u (n2 - 1))).
      apply Rmult_le_compat_l; lra.
      assert ((1+u) * (pw u n2 - 1) * a2 <= (pw u (n1+n2) - 1 - u) * a2) by (apply Rmult_le_compat_r; lra).
      assert ((2 * N2 - 1) * eta * ((1+u) * pw u (n2 - 1)) <= (2 * N2 - 1) * eta * pw u (n1 + n2 - 1)).
      { apply Rmult_le_compat_l; [|lra]. apply Rmult_le_pos; lra. }
      lra. }
    assert (M3 : eta * 1 <= eta * pw u (n1 + n2 - 1)) by (apply Rmult_le_compat_l; lra).
    lra.
  - pose proof (dot_pos _ _ _ _ _ H) as P1. unfold rnd in H0. simpl dotx. simpl dota.
    replace (S n - 1)%nat with n by lia. simpl fst; simpl snd.
    set (e1 := Rabs (s1 - dotx l)) in *. pose proof (dota_pos l) as A1. set (a1 := dota l) in *.
    set (t := x * y) in *. pose proof (Rabs_pos t) as Pt.
    assert (T : Rabs (s - (t + dotx l)) <= u * (Rabs t + a1) + (1 + u) * e1 + eta).
    { replace (s - (t + dotx l)) with ((s - (t + s1)) + (s1 - dotx l)) by ring.
      eapply Rle_trans; [apply Rabs_triang|].
      assert (Rabs (t + s1) <= Rabs t + (a1 + e1)).
      { eapply Rle_trans; [apply Rabs_triang|]. pose proof (Rabs_near s1 (dotx l) e1 (Rle_refl _)).
        pose proof (dotx_le l). unfold a1 in *. lra. }
      assert (u * Rabs (t + s1) <= u * (Rabs t + (a1 + e1))) by (apply Rmult_le_compat_l; lra). unfold e1 in *. lra. }
    eapply Rle_trans; [exact T|].
    rewrite pw_S, S_INR. pose proof (pw_ge1 u n Hu) as G1. pose proof (pw_ge1 u (n-1) Hu) as G2.
    assert (Q : (1 + u) * pw u (n - 1) = pw u n) by (rewrite <- pw_S; f_equal; lia).
    assert (I1 : 1 <= INR n) by (apply (le_INR 1); lia). set (N := INR n) in *.
    assert (M1 : (1+u) * e1 <= ((1+u) * pw u n - 1 - u) * a1 + (2 * N - 1) * eta * pw u n).
    { apply Rle_trans with ((1+u) * ((pw u n - 1) * a1 + (2 * N - 1) * eta * pw u (n - 1))).
      apply Rmult_le_compat_l; lra.
      replace ((1+u) * ((pw u n - 1) * a1 + (2 * N - 1) * eta * pw u (n - 1))) with
        (((1+u) * pw u n - 1 - u) * a1 + (2 * N - 1) * eta * ((1+u) * pw u (n - 1))) by ring.
      rewrite Q. lra. }
    assert (M2 : u * Rabs t <= ((1+u) * pw u n - 1) * Rabs t) by (apply Rmult_le_compat_r; [lra|]; assert ((1+u) * 1 <=
      (1+u) * pw u n) by (apply Rmult_le_compat_l; lra); lra).
    assert (M3 : eta * 1 <= eta * pw u n) by (apply Rmult_le_compat_l; lra).
    assert (M4 : 0 <= eta * pw u n) by (apply Rmult_le_pos; lra).
    lra.
  - simpl dotx; simpl dota. simpl fst; simpl snd. rewrite H0, Rabs_R0.
    replace (0 + dotx l) with (dotx l) by ring. rewrite Rplus_0_l. exact IHdot.
  - rewrite <- (dotx_perm _ _ H), <- (dota_perm _ _ H). exact IHdot.
Qed.

(* (1+u)^n <= 1 / (1 - n u): the gamma_n form *)
Lemma pw_gamma u n : 0 <= u -> pw u n * (1 - INR n * u) <= 1.
Proof.
  intros Hu. induction n.
  - unfold pw; simpl; lra.
  - rewrite pw_S, S_INR. pose proof (pw_ge1 u n Hu). pose proof (pos_INR n).
    assert (0 <= INR n * u) by (apply Rmult_le_pos; lra).
    replace ((1 + u) * pw u n * (1 - (INR n + 1) * u)) with
      (pw u n * (1 - INR n * u) - pw u n * (u * (INR n * u) + u * u)) by ring.
    assert (0 <= pw u n * (u * (INR n * u) + u * u)).
    { apply Rmult_le_pos; [lra|]. assert (0 <= u * (INR n * u)) by (apply Rmult_le_pos; lra). nra. }
    lra.
Qed.

(* k more terms than there are suffice when n (n + k) u <= k *)
Lemma pw_extra u n k : 0 <= u -> 0 <= k -> INR n * (INR n + k) * u <= k -> INR n * u < 1 ->
  pw u n - 1 <= (INR n + k) * u.
Proof.
  intros Hu Hk H H1. pose proof (pw_gamma u n Hu) as G. pose proof (pos_INR n).
  apply (Rmult_le_reg_r (1 - INR n * u)); [lra|].
  assert (E : (INR n + k) * u * (1 - INR n * u) = (INR n + k) * u - u * (INR n * (INR n + k) * u)) by ring.
  rewrite E.
  assert (u * (INR n * (INR n + k) * u) <= u * k) by (apply Rmult_le_compat_l; lra).
  lra.
Qed.

(* F4 and F13 where h and dz are known, F16 where the factors are: nc terms, S the sum of their magnitudes *)
Definition dot_bound (nc u_acc eta S : R) : R := nc * u_acc * S + 2 * nc * eta.

(* F4 with two terms to spare. This is the condition on n that docs/accuracy.md names in section 7. *)
Theorem dot_any_order u eta n l s : 0 <= u -> 0 <= eta -> dot u eta n l s ->
  INR n * (INR n + 2) * u <= 2 ->
  Rabs (s - dotx l) <= dot_bound (INR n + 2) u eta (dota l).
Proof.
  intros Hu He H C. pose proof (dot_error _ _ _ _ _ Hu He H) as D.
  pose proof (dot_pos _ _ _ _ _ H) as P. assert (I : 1 <= INR n) by (apply (le_INR 1); lia).
  assert (H1 : INR n * u < 1).
  { assert (INR n * 3 * u <= INR n * (INR n + 2) * u) by (apply Rmult_le_compat_r; [lra|]; apply Rmult_le_compat_l;
    lra). lra. }
  pose proof (pw_extra u n 2 Hu ltac:(lra) C H1) as G.
  unfold dot_bound. pose proof (dota_pos l) as A.
  assert ((pw u n - 1) * dota l <= (INR n + 2) * u * dota l) by (apply Rmult_le_compat_r; lra).
  assert (pw u (n - 1) <= pw u n) by (apply pw_mono; [lra|lia]).
  assert ((2 * INR n - 1) * pw u (n - 1) <= 2 * (INR n + 2)).
  { apply Rle_trans with ((2 * INR n - 1) * (1 + (INR n + 2) * u)).
    apply Rmult_le_compat_l; lra.
    assert (0 <= (INR n + 2) * u) by (apply Rmult_le_pos; lra). nra. }
  assert ((2 * INR n - 1) * pw u (n - 1) * eta <= 2 * (INR n + 2) * eta) by (apply Rmult_le_compat_r; lra).
  lra.
Qed.
